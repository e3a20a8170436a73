create or replace function _park_picked(p_step_ids uuid[], p_scopes text[], p_targets text[], p_run uuid[],
                                        p_executors text[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: parks those of its steps that a pause covers, and other paused steps at the front of its lanes, so that
-- the next claim does not read them again. p_run: the steps that the claim leases next; they are locked here too, so
-- that all are locked in one order.
-- Locks: the steps in id order; then ops_ready and steps, SKIP LOCKED. Writes: ops_ready, and what _park_steps writes.
-- Raises: nothing.
begin
  perform from ops_mission_steps s where s.id = any (p_step_ids || p_run) order by s.id for no key update;
  perform _park_paused(p_step_ids, p_scopes, p_targets);
  perform _park_front(p_executors, 1000);
end;
$$;
