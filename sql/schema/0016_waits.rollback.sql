-- Takes back 0016_waits, with all rows.
set local lock_timeout = '5s';

drop table ops_child_missions;
drop table ops_awaited_events;
drop sequence ops_awaited_events_seq;
drop table ops_event_waits;
