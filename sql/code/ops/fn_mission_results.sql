create or replace function fn_mission_results(p_mission_id uuid, p_limit integer default 50)
returns table (step_id uuid, key text, status text, result jsonb, is_whole boolean)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The results of the steps of a mission that have ended, in their order; p_limit steps at most. result is null,
-- and is_whole false, where it alone has more than 100,000 bytes.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an unknown mission, OP018 for a limit that cannot be.
declare
  c_most constant integer := 100000;
begin
  perform _check_list(p_limit);
  if not exists (select from ops_missions m where m.id = p_mission_id) then
    perform _raise_unknown('mission', p_mission_id);
  end if;
  return query
  select s.id, s.key, s.status, case when w.is_whole then s.result end, w.is_whole
    from ops_mission_steps s
   cross join lateral (select coalesce(pg_column_size(s.result) <= c_most, true) as is_whole) w
   where s.mission_id = p_mission_id and s.status in ('succeeded', 'failed', 'cancelled', 'skipped')
   order by s.position
   limit p_limit;
end;
$$;
comment on function fn_mission_results(uuid, integer) is
  'The results of the steps of a mission that have ended, in their order; a result of more than 100,000 bytes is left '
  'out. OPS_012 unknown, OPS_018 for a limit that cannot be.';
