-- Takes back 0008_control, with all rows.
set local lock_timeout = '5s';

drop table ops_control;
drop table ops_pauses;
