create or replace function _end_waits(p_step_ids uuid[], p_results jsonb[])
returns void
language plpgsql
set search_path from current
as $$
-- Parked steps that no worker runs have succeeded: with all that follows the success of a step. The caller holds the
-- missions and their steps.
-- Locks: none of its own. Writes: what _begin_waits and _accept_results write. Raises: nothing.
declare
  v_tokens constant uuid[] := _begin_waits(p_step_ids);
begin
  perform _accept_results(
    p_step_ids, v_tokens, p_results, array_fill(null::jsonb, array[cardinality(p_step_ids)]),
    array(select distinct s.mission_id from ops_mission_steps s where s.id = any (p_step_ids)),
    (select c.epoch from ops_control c));
end;
$$;
