create or replace function _needed_sub_agents(p_directive strategic_directives, p_phase text)
returns setof leo_sub_agents
language plpgsql
stable
set search_path from current
as $$
-- The active sub-agents that a phase of a directive asks for, most important first. Names of phases and types count
-- without regard to case.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select a.*
    from leo_sub_agents a
   where a.active
     and exists (select from unnest(a.phases) p where lower(p) = lower(p_phase))
     and (a.sd_types is null or exists (select from unnest(a.sd_types) t where lower(t) = lower(p_directive.sd_type)))
   order by a.priority desc, a.code;
end;
$$;
