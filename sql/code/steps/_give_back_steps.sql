create or replace function _give_back_steps(p_ids uuid[], p_hold boolean[], p_reasons text[], p_run_status text, p_how text)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Ends running attempts whose steps nobody blames, no failure counted: those of p_hold wait for a person, the others are
-- queued again; one that was asked to stop is cancelled. The caller holds the locks of missions and steps.
-- p_run_status: released or lost; p_how goes before the name of the worker in wait_reason.
-- Locks: none of its own. Writes: ops_mission_steps, ops_action_runs, ops_ready, ops_missions, and what settling writes.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
  v_back uuid[];
  v_held uuid[];
  v_stopped uuid[];
begin
  insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, error)
  select _uuid_v7(), s.lease_token, s.id, s.executor, s.worker_id, s.attempt,
         case when s.cancel_requested then 'cancelled' else p_run_status end, s.reserved_at, v_now, g.reason
    from unnest(p_ids, p_reasons) g (id, reason)
   -- Looked up by its key, limit 1: as in _enqueue_steps.
   cross join lateral (select t.* from ops_mission_steps t where t.id = g.id limit 1) s;
  with given_back as (
    update ops_mission_steps s
       set status = case when s.cancel_requested then 'cancelled' when g.hold then 'waiting' else 'queued' end,
           wait_reason = case when g.hold and not s.cancel_requested
                              then format('OPS_010: outcome unknown: %s worker %s; retry it or resolve it', p_how,
                                          coalesce(s.worker_id, '?')) end,
           lease_token = null, lease_expires_at = null, updated_at = v_now
      from unnest(p_ids, p_hold) g (id, hold)
     -- The list: as in _accept_results.
     where s.id = g.id and s.id = any (p_ids)
    returning s.id, s.status, s.mission_id
  )
  select array_agg(g.id) filter (where g.status = 'queued'), array_agg(g.id) filter (where g.status = 'waiting'),
         array_agg(distinct g.mission_id) filter (where g.status = 'cancelled')
    into v_back, v_held, v_stopped
    from given_back g;
  if v_back is not null then
    perform _enqueue_steps(v_back);
  end if;
  if v_held is not null then
    perform _note_waiting(v_held);
  end if;
  if v_stopped is not null then
    perform _settle_missions(v_stopped);
  end if;
end;
$$;
