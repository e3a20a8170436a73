-- Takes back 0015_schedules, with all rows.
set local lock_timeout = '5s';

drop table ops_schedule_ticks;
drop table ops_schedules;
drop type ops_cron;
