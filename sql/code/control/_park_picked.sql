create or replace function _park_picked(p_step_ids uuid[], p_scopes text[], p_targets text[], p_run uuid[], p_executors text[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: parks what it picked and a pause covers, and what else lies in front of its lanes and is paused, so that
-- the next claim need not make its way through it. p_run is what the claim leases next: it is locked here, in one order
-- with the others.
-- Locks: the steps in id order; then ops_ready and steps, SKIP LOCKED. Writes: ops_ready, and what _park_steps writes.
-- Raises: nothing.
begin
  perform from ops_mission_steps s where s.id = any (p_step_ids || p_run) order by s.id for no key update;
  perform _park_paused(p_step_ids, p_scopes, p_targets);
  perform _park_front(p_executors, 1000);
end;
$$;
