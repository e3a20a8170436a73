create or replace function fn_retry_step(p_step_id uuid, p_actor text default null)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- The decision of a person to run a failed, cancelled or waiting step again; _retry_step says when that can be.
-- Locks: the mission, then its steps in id order. Writes: ops_audit_log, and what _retry_step writes.
-- Raises: OP012, OP014, OP003, OP015: those of _retry_step.
declare
  v_done jsonb := _retry_step(p_step_id, p_actor);
begin
  perform _audit('retry', 'step', p_step_id::text, p_actor, null, v_done);
  return v_done ->> 'status';
end;
$$;
comment on function fn_retry_step(uuid, text) is
  'Runs a failed, cancelled or waiting step again, with all its tries, and one that waits for its next try now; its '
  'mission comes back to life. For a step that policy parked, or that the next claim would park, this approves '
  'exactly what it would run now. Returns queued, blocked while its dependencies have not ended, or cancelled while '
  'another failed step keeps the mission failed. OPS_012 unknown, OPS_014 not retryable, OPS_003 forbidden to '
  'anybody, OPS_015 own proposal, OPS_082 a result that it needs is gone.';
