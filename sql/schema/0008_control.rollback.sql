-- Takes back 0008_control, with all rows.
set local lock_timeout = '5s';

drop table ops_control_log;
drop sequence ops_control_log_id_seq;
drop table ops_control;
drop table ops_pauses;
