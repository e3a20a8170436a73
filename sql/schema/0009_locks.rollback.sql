-- Takes back 0009_locks, with all rows.
set local lock_timeout = '5s';

drop table ops_process_counts;
drop table ops_count_times;
drop table ops_counts;
drop sequence ops_counts_id_seq;
drop table ops_counters;
drop table ops_idempotency_keys;
drop table distributed_locks;
drop sequence distributed_locks_token_seq;
