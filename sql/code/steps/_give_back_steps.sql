create or replace function _give_back_steps(
  p_ids uuid[],
  p_hold boolean[],
  p_reasons text[],
  p_codes text[],
  p_run_status text,
  p_how text,
  p_waits double precision[] default null
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Ends running attempts that are no fault of the step, so that no failure is counted: the steps of p_hold wait for a
-- person, the others are queued again, and a step that was asked to stop is cancelled. The caller holds the locks of
-- missions and steps. p_reasons and p_codes: for the record of each attempt. p_run_status: released or lost. p_how:
-- what happened, with a %s for the name of the worker. p_waits: how many seconds each asked to wait before it is queued
-- again; null for none.
-- Locks: none of its own. Writes: ops_mission_steps, ops_action_runs, ops_ready, ops_missions, and what a parked step
-- and settling write. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_back uuid[];
  v_waiting uuid[];
  v_untils timestamptz[];
  v_held uuid[];
  v_held_reasons text[];
  v_stopped uuid[];
begin
  perform _record_attempts(p_ids, p_run_status, v_now, p_reasons, p_codes);
  with given_back as (
    update ops_mission_steps s
       set status = case when s.cancel_requested then 'cancelled' else s.status end,
           last_error = case when g.hold and not s.cancel_requested then g.reason else s.last_error end,
           last_error_code = case when g.hold and not s.cancel_requested then g.code else s.last_error_code end,
           lease_token = null, lease_expires_at = null, updated_at = v_now
      from unnest(p_ids, p_hold, p_reasons, p_codes, p_waits) g (id, hold, reason, code, wait)
     -- Plans 2
     where s.id = g.id and s.id = any (p_ids)
    returning s.id, s.status, s.mission_id, s.worker_id, g.hold, g.wait
  )
  select array_agg(g.id) filter (where g.status = 'running' and not g.hold and g.wait is null),
         array_agg(g.id) filter (where g.status = 'running' and not g.hold and g.wait is not null),
         array_agg(v_now + make_interval(secs => g.wait))
           filter (where g.status = 'running' and not g.hold and g.wait is not null),
         array_agg(g.id) filter (where g.status = 'running' and g.hold),
         array_agg(format('outcome unknown: %s; retry it or resolve it',
                          format(p_how, 'worker ' || coalesce(g.worker_id, '?'))))
           filter (where g.status = 'running' and g.hold),
         array_agg(distinct g.mission_id) filter (where g.status = 'cancelled')
    into v_back, v_waiting, v_untils, v_held, v_held_reasons, v_stopped
    from given_back g;
  if v_back is not null then
    perform _enqueue_steps(v_back);
  end if;
  if v_waiting is not null then
    perform _park_until(v_waiting, 'worker', null, v_untils);
  end if;
  if v_held is not null then
    perform _park_steps(v_held, 'person', array_fill(text 'OPS_010', array[cardinality(v_held)]), v_held_reasons);
  end if;
  if v_stopped is not null then
    perform _settle_missions(v_stopped);
  end if;
end;
$$;
