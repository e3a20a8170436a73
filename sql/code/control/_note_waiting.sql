create or replace function _note_waiting(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts steps that were just parked for a person into the inbox, and tells so with an event step:<kind>:waiting for each.
-- The caller holds their locks.
-- Locks: none. Writes: ops_waiting_steps, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  insert into ops_waiting_steps (step_id, since)
  select w, v_now from unnest(p_step_ids) w order by w
  on conflict (step_id) do update set since = excluded.since;
  perform _emit_loop_events(
            array_agg('step:' || s.kind || ':waiting' order by s.id),
            array_agg(_step_event(s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, null, null) - 'result'
                      || jsonb_build_object('reason', s.wait_reason) order by s.id),
            array_agg(s.mission_id order by s.id), array_agg(s.depth order by s.id))
     from ops_mission_steps s
    where s.id = any (p_step_ids);
end;
$$;
