create or replace function _unserved_steps(p_version text)
returns table (step_id uuid, mission_id uuid, reason text, remedy text)
language plpgsql
stable
set search_path from current
as $$
-- Running steps whose worker would not be served by the schema of release p_version: its compatibility number is that
-- of this schema and one more for each release in between, as no release raises it by more, and patches do not at all.
-- A worker that told no number is of a package from before there was one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now integer[] := string_to_array(_release(), '.')::integer[];
  v_then integer[] := string_to_array(p_version, '.')::integer[];
  v_number integer := fn_compatibility()
    + greatest(0, case when v_then[1] = v_now[1] then v_then[2] - v_now[2] else v_then[1] - v_now[1] + v_then[2] end);
begin
  return query
  select s.id, s.mission_id,
         format('release %s would not serve its worker %s (package %s, compatibility %s): let it end what it runs, and '
                'stop it', p_version, s.worker_id, coalesce(w.version, 'unknown'),
                coalesce((w.settings ->> 'compatibility')::integer, 0)),
         'select fn_pause(''all'', p_reason => ''upgrade'');'
    from ops_mission_steps s
    left join ops_workers w on w.worker_id = s.worker_id
   where s.id = any (_running_steps(100000)) and coalesce((w.settings ->> 'compatibility')::integer, 0) < v_number - 1;
end;
$$;
