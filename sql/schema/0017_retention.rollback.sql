-- Takes back 0017_retention, with all rows.
set local lock_timeout = '5s';

drop table ops_spent_keys;
drop table ops_purged;
drop sequence ops_purged_id_seq;
drop table ops_retention;
