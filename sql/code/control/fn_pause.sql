create or replace function fn_pause(
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
-- Stops steps from starting: all, or those of an executor (a preset is a command too), a kind, a source, an agent or a
-- mission; or a schedule from ticking. Running steps go on, and so do events, proposals and gates. Once this is
-- committed, no step that it covers starts, except by the transactions under could_still_commit: claims in flight that
-- did not end within two seconds. Steps of a mission are parked at once, others by claims and heartbeats; steps of a
-- paused executor stay queued.
-- Locks: control, then the schedule, or the barrier of claims, to the end of the transaction: commit at once.
-- Writes: ops_pauses, ops_control, ops_audit_log; for a mission what parking writes. Raises: OP012, OP083 unknown
-- mission, OP018 bad argument, OP023 another one is not committed yet, OP025 unknown schedule, OP031 that is held.
declare
  v_now timestamptz;
  v_target text := _check_scope(p_scope, p_target);
  v_policy jsonb := _policy('worker_policy');
  v_calls jsonb := '[]';
  v_changed boolean;
  v_lanes integer[];
  v_ids uuid[];
  v_parked integer := 0;
  v_ready integer := 0;
  v_result jsonb;
begin
  perform _lock_control();
  if p_scope = 'mission' and not exists (select from ops_missions m where m.id = v_target::uuid) then
    perform _raise_unknown('mission', v_target::uuid);
  end if;
  if p_scope = 'schedule' then
    perform _lock_schedule(v_target);
  end if;
  v_now := _now();
  insert into ops_pauses (scope, target, reason, paused_by, paused_login, paused_at)
  values (p_scope, v_target, p_reason, coalesce(p_actor, _acting_login()), _acting_login(), v_now)
  on conflict (scope, target) do nothing;
  v_changed := found;
  if v_changed then
    update ops_control set updated_at = v_now;
  end if;

  -- Counted before the barrier is closed: claims wait behind it.
  if p_scope not in ('mission', 'schedule') then
    v_lanes := array(select l.lane from ops_lanes l where l.queue = 'steps');
    v_ids := array(
      select r.id
        from ops_lanes l
        join unnest(v_lanes, _lane_fronts(v_lanes)) f (lane, front) on f.lane = l.lane
        join ops_ready r on r.lane = f.lane and r.seq >= f.front
       where p_scope <> 'executor' or v_target = any (_executor_names(l.executor, v_policy))
       limit 10000);
    v_ready := case when p_scope in ('all', 'executor') then cardinality(v_ids)
                    else (select count(*) from _covering_pauses(v_ids) c
                          where c.scope = p_scope and c.target = v_target) end;
  end if;
  if p_scope <> 'schedule' then
    v_calls := (select b.could_still_commit from _close_barriers(array['claims']) b);
  end if;
  if p_scope = 'mission' then
    select p.held into v_parked
      from _recover_each('park', array(select s.id from ops_mission_steps s
                                        where s.mission_id = v_target::uuid and s.status = 'queued')) p;
    v_ready := v_parked;
  end if;
  v_result := jsonb_build_object('scope', p_scope, 'target', v_target, 'changed', v_changed, 'ready', v_ready,
                                 'parked', v_parked, 'could_still_commit', v_calls);
  if v_changed then
    perform _audit('pause', p_scope, v_target, p_actor, p_reason, v_result);
  end if;
  return v_result;
end;
$$;
comment on function fn_pause(text, text, text, text) is
  'Stops steps from starting, as p_actor (default: the login): scope all, or executor, agent, kind, source or mission '
  'with a target; or schedule, which does not tick then. Returns {"scope", "target", "changed", "ready", "parked", '
  '"could_still_commit"}: changed is false when it was paused already; ready is how many of the first 10,000 ready '
  'steps it covers now; could_still_commit lists claims in flight that did not end within two seconds. OPS_012 '
  'unknown mission, OPS_018 bad argument, OPS_023 another pause, resume or kill is not committed yet, OPS_025 unknown '
  'schedule, OPS_031 one that is held.';
