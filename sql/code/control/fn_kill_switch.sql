create or replace function fn_kill_switch(p_actor text default null, p_reason text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Stops everything: no claims until fn_resume('all'), and every lease is void. Calls in flight get two seconds to end;
-- then the switch goes on, and could_still_commit names the transactions that may still commit: a claim among them
-- gives a void lease, a completion that had done its work before may be accepted. The new epoch makes all leases void
-- at once, however many there are. Up to 10,000 steps are taken back here, the rest by heartbeats: a step that may run
-- twice is queued, any other waits for a person, and no failure is counted. Late reports change nothing and are kept as
-- evidence. While the switch is in force, a second call only takes back what is left.
-- Locks: control, then the barriers of claims and of reports, to the end of the transaction: commit at once. Missions
-- and steps SKIP LOCKED. Writes: ops_pauses, ops_control, ops_audit_log, and what taking steps back writes.
-- Raises: OP023 another pause, resume or kill is not committed yet.
declare
  v_now timestamptz;
  v_calls record;
  v_changed boolean;
  v_epoch integer;
  v_revoked record;
  v_result jsonb;
begin
  perform _lock_control();
  select * into v_calls from _close_barriers(array['claims', 'reports']);
  v_now := _now();
  v_changed := not exists (select from ops_pauses p where p.scope = 'all' and p.kill);
  if v_changed then
    insert into ops_pauses (scope, reason, paused_by, paused_login, paused_at, kill)
    values ('all', p_reason, coalesce(p_actor, _acting_login()), _acting_login(), v_now, true)
    on conflict (scope, target) do update
      set reason = excluded.reason, paused_by = excluded.paused_by, paused_login = excluded.paused_login,
          paused_at = excluded.paused_at, kill = true;
    update ops_control c set epoch = c.epoch + 1, stragglers = v_calls.stragglers, updated_at = v_now;
  end if;
  select c.epoch into v_epoch from ops_control c;
  select * into v_revoked from _revoke_leases(10000);
  v_result := jsonb_build_object('epoch', v_epoch, 'changed', v_changed, 'revoked', v_revoked.revoked,
                                 'held', v_revoked.held, 'remaining', v_revoked.remaining,
                                 'could_still_commit', v_calls.could_still_commit);
  if v_changed then
    perform _audit('kill', 'all', '', p_actor, p_reason, v_result);
  end if;
  return v_result;
end;
$$;
comment on function fn_kill_switch(text, text) is
  'Stops everything at once, as p_actor (default: the login): nothing starts until fn_resume(''all''), and all leases '
  'are void. Returns {"epoch", "changed", "revoked", "held", "remaining", "could_still_commit"}: revoked steps were '
  'taken back, held ones of them wait for a person, remaining ones are locked by somebody and taken back by '
  'heartbeats; could_still_commit lists the transactions that did not end within two seconds. OPS_023 another pause, '
  'resume or kill is not committed yet.';
