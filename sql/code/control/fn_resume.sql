create or replace function fn_resume(
  p_scope text,
  p_target text default null,
  p_actor text default null,
  p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Lifts one pause, or with all the kill switch too, and puts the steps that it parked back into the queue: 10,000 a
-- call, heartbeats go on with the rest. What another pause covers stays parked. Resuming what is not paused changes
-- nothing and says so. Before a kill is lifted, leases from before it are taken back; what is left of them is void all
-- the same.
-- Locks: control; then what parked, SKIP LOCKED. Writes: ops_pauses, ops_control, ops_control_log, ops_parked_steps,
-- ops_mission_steps, ops_ready; what taking leases back writes. Raises: OP018 bad argument, OP023 another one is not
-- committed yet.
declare
  v_now timestamptz;
  v_target text := _check_scope(p_scope, p_target);
  v_pause ops_pauses;
  v_revoked record;
  v_steps record;
  v_changed boolean;
  v_result jsonb;
begin
  perform _lock_control();
  delete from ops_pauses where scope = p_scope and target = v_target returning * into v_pause;
  v_changed := found;
  v_now := _now();
  if v_changed then
    update ops_control set updated_at = v_now;
  end if;
  select * into v_steps from _resume_steps(p_scope, v_target, 10000);
  v_result := jsonb_build_object(
    'scope', p_scope, 'target', v_target, 'changed', v_changed, 'requeued', v_steps.requeued,
    'still_paused', v_steps.still_paused,
    'remaining', (select count(*) from (select from ops_parked_steps p
                                         where p.waits_for = 'pause' and p.scope = p_scope and p.target = v_target
                                         limit 1000000) r));
  if v_pause.kill then
    select * into v_revoked from _revoke_leases(10000);
    v_result := v_result || jsonb_build_object('revoked', v_revoked.revoked, 'held', v_revoked.held);
  end if;
  if v_changed then
    perform _log_control('resume', p_scope, v_target, p_actor, p_reason, v_result);
    perform _wake_workers();
  end if;
  return v_result;
end;
$$;
comment on function fn_resume(text, text, text, text) is
  'Lifts a pause as p_actor (default: the login); all ends the kill switch too. Returns {"scope", "target", '
  '"changed", "requeued", "still_paused", "remaining"}: changed is false when it was not paused; requeued steps are '
  'ready again, still_paused ones are covered by another pause, remaining ones heartbeats put back. OPS_018 bad '
  'argument, OPS_023 another pause, resume or kill is not committed yet.';
