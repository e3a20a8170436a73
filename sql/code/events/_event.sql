create or replace function _event(p_id uuid)
returns setof ops_events
language plpgsql
stable
rows 1
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The event of this id, stored or derived; no row where there is none. A derived one is found by the step or mission
-- whose id it has, but for the variant.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_of constant uuid := overlay(p_id::text placing translate(substr(p_id::text, 20, 1), 'cdef', '89ab') from 20)::uuid;
begin
  return query select e.id, e.dedupe_key, e.type, e.data, e.mission_id, e.depth, e.emitted_login, e.ready_seq,
                      e.processed_at, e.created_at
                 from ops_agent_events e where e.id = p_id;
  if not found and v_of <> p_id then
    return query
    select s.id, null::text, s.type, s.data, s.mission_id, s.depth, null::text, null::bigint, s.created_at, s.created_at
      from ops_step_successes s where s.step_id = v_of
    union all
    select m.id, null, 'mission:succeeded', m.data, m.mission_id, m.depth, null, null, m.created_at, m.created_at
      from ops_mission_successes m where m.mission_id = v_of;
  end if;
end;
$$;
