-- Takes back 0004_events, with all rows.
set local lock_timeout = '5s';

drop table ops_pattern_cooldowns;
drop table ops_agent_reactions;
drop table ops_agent_events;
