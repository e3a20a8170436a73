-- Takes back 0006_missions, with all rows.
set local lock_timeout = '5s';

drop view ops_events;
drop view ops_mission_successes;
drop view ops_step_successes;
drop view ops_queue;
drop table ops_action_runs;
drop table ops_strays;
drop table ops_parked_steps;
drop table ops_mission_steps;
drop table ops_missions;
