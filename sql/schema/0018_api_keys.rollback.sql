-- Takes back 0018_api_keys, with all rows.
set local lock_timeout = '5s';

drop table ops_sign_ins;
drop table ops_api_keys;
