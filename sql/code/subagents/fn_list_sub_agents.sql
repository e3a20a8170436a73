create or replace function fn_list_sub_agents(p_sd_id text default null, p_limit integer default 50)
returns table (
  code text,
  name text,
  priority integer,
  executor text,
  is_active boolean,
  sd_id text,
  phase text,
  verdict text,
  confidence numeric,
  execution_time numeric,
  mission_id uuid,
  created_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Without p_sd_id: the sub-agents that there are, the most important first, each with the last that it found. With it:
-- what they found for that directive, newest first.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
declare
  v_sd_id constant text := coalesce(_directive_id(p_sd_id), p_sd_id);
begin
  perform _check_list(p_limit);
  if p_sd_id is null then
    return query
    select a.code, a.name, a.priority, a.executor, a.active, r.sd_id, r.phase, r.verdict, r.confidence,
           r.execution_time, r.mission_id, r.created_at
      from leo_sub_agents a
      left join lateral (
        select n.* from (select t.* from sub_agent_execution_results t order by t.id desc limit 1000) n
         where n.sub_agent_code = a.code order by n.id desc limit 1) r on true
     order by a.active desc, a.priority desc, a.code
     limit p_limit;
    return;
  end if;
  return query
  select r.sub_agent_code, coalesce(a.name, ''), a.priority, a.executor, coalesce(a.active, false), r.sd_id, r.phase,
         r.verdict, r.confidence, r.execution_time, r.mission_id, r.created_at
    from (select t.* from sub_agent_execution_results t
           where t.sd_id = v_sd_id order by t.created_at desc limit p_limit) r
    left join leo_sub_agents a on a.code = r.sub_agent_code
   order by r.created_at desc;
end;
$$;
comment on function fn_list_sub_agents(text, integer) is
  'Lists up to p_limit (1 to 1000) sub-agents with the last that each found; with p_sd_id (id or sd_key) what they '
  'found for that directive, newest first. OPS_018 for a limit that cannot be.';
