-- Takes back 0012_audit, with all rows.
set local lock_timeout = '5s';

drop view ops_control_log;
drop table ops_audit_log;
drop sequence ops_audit_log_id_seq;
