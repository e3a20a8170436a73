create or replace function _await_approvals(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Of steps whose turn has come, parks those that persons must approve first and nobody has approved: without worker and
-- lease, with the results of the steps before as evidence. Returns the others, null where there are none. The caller
-- holds their missions.
-- Locks: ops_parked_steps. Writes: ops_mission_steps, ops_parked_steps, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_asked uuid[];
begin
  select array_agg(s.id order by s.id) into v_asked
    from ops_mission_steps s
   where s.id = any (p_step_ids) and s.needs_approval and s.approved_digest is null;
  if v_asked is null then
    return p_step_ids;
  end if;
  perform _park_steps(v_asked, 'person', array_fill('OPS_009'::text, array[cardinality(v_asked)]),
                      array_fill('it needs the approval of persons'::text, array[cardinality(v_asked)]));
  return (select array_agg(i) from unnest(p_step_ids) i where i <> all (v_asked));
end;
$$;
