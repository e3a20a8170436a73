create or replace function _sub_agent_step(p_agent leo_sub_agents, p_needs text[], p_context jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The step of a sub-agent: p_needs are the keys of those it waits for. It gets the context of its directive as
-- "directive", a command as its stdin; the other executors whose params policy judges get nothing but their params.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object(
    'key', p_agent.code, 'kind', 'sub_agent', 'executor', p_agent.executor, 'depends_on', to_jsonb(p_needs),
    'timeout_seconds', p_agent.timeout_seconds, 'on_failure', 'isolate',
    'params', case when jsonb_typeof(p_agent.params) <> 'object' then p_agent.params
                   when p_agent.executor = 'command' then jsonb_build_object('stdin', p_context::text) || p_agent.params
                   when p_agent.executor in ('sql', 'http', 'agent') then p_agent.params
                   else p_agent.params || jsonb_build_object('directive', p_context) end);
end;
$$;
