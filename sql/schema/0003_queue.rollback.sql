-- Takes back 0003_queue, with all rows.
set local lock_timeout = '5s';

drop table ops_sweep;
drop view ops_workers_seen;
drop table ops_workers;
drop table ops_timers;
drop sequence ops_timer_seq;
drop table ops_late_enqueuers;
drop sequence ops_late_enqueuers_id_seq;
drop table ops_ready;
drop sequence ops_ready_seq;
drop table ops_lanes;
drop sequence ops_lane_seq;
