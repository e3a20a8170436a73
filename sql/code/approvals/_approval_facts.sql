create or replace function _approval_facts(p_template jsonb, p_source text, p_risk text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- What the rules of approval_rules look at in a proposal: {"risk", "source", "kinds", "executors", "agents"}. agents:
-- the role that proposed it, where its source is agent:<role>, and those that its steps are for.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select jsonb_build_object(
             'risk', p_risk, 'source', p_source,
             'kinds', coalesce(jsonb_agg(distinct s -> 'kind') filter (where s ? 'kind'), '[]'),
             'executors', coalesce(jsonb_agg(distinct coalesce(nullif(s -> 'executor', 'null'), s -> 'kind')), '[]'),
             'agents', coalesce(jsonb_agg(distinct s #> '{params,role}')
                                  filter (where coalesce(s ->> 'executor', s ->> 'kind') = 'agent'
                                            and jsonb_typeof(s #> '{params,role}') = 'string'), '[]')
                       || case when p_source like 'agent:_%' then jsonb_build_array(substr(p_source, 7)) else '[]' end)
      from jsonb_array_elements(case jsonb_typeof(p_template -> 'steps') when 'array' then p_template -> 'steps'
                                else '[]' end) s);
end;
$$;
