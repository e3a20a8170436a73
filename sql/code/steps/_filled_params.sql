create or replace function _filled_params(p_step_id uuid)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
as $$
-- The params of a step with its placeholders filled from the results there are now.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select f.params
      from ops_mission_steps s
     cross join lateral _fill_step(s.params, coalesce(s.slots, '[]'),
                                   case when s.slots is null then '{}' else _step_results(s.mission_id, s.slots) end) f
     where s.id = p_step_id);
end;
$$;
