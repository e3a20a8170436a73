-- Takes back 0014_subagents, with all rows.
set local lock_timeout = '5s';

drop table sub_agent_execution_results;
drop table sub_agent_runs;
drop table leo_sub_agents;
