create or replace function _retry_plain(p_step_ids uuid[], p_actor text)
returns jsonb
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- As fn_retry_step for many at once, of which policy holds none: those of these steps that failed or were cancelled.
-- Returns their new status by id. The caller holds the locks of all their missions and steps.
-- Locks: none of its own. Writes: what fn_retry_step writes. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_actor constant text := coalesce(p_actor, _acting_login());
  v_plain uuid[];
  v_was text[];
begin
  select array_agg(s.id order by s.id), array_agg(s.status order by s.id) into v_plain, v_was
    from ops_mission_steps s
   where s.id = any (p_step_ids) and s.status in ('failed', 'cancelled')
     and s.id <> all (array(select v.step_id from _claim_verdicts(p_step_ids, -1, _policy('worker_policy')) v
                             where v.hold is not null));
  if v_plain is null then
    return '{}';
  end if;
  perform _record_interrupted(v_plain);
  update ops_mission_steps s
     set status = 'blocked', wait_reason = null, run_after = null, failure_count = 0, lease_token = null,
         cancel_requested = false, updated_at = v_now,
         last_error = case when s.status = 'failed' then s.last_error end,
         last_error_code = case when s.status = 'failed' then s.last_error_code end
   where s.id = any (v_plain);
  -- Plans 3
  perform _revive_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (v_plain);
  perform _emit_loop_events(
            array_agg('step:' || s.kind || ':retried'),
            array_agg(_step_event(s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, null, null)
                      || jsonb_build_object('actor', v_actor, 'login', _acting_login())),
            array_agg(s.mission_id), array_agg(m.depth), _acting_login())
     from ops_mission_steps s
    -- Plans 1
    cross join lateral (select t.depth from ops_missions t where t.id = s.mission_id limit 1) m
    where s.id = any (v_plain);
  perform _audit('retry', 'step', s.id::text, p_actor, null,
                 jsonb_build_object('mission_id', s.mission_id, 'was', n.was, 'status', s.status,
                                    'approved_digest', null))
     from unnest(v_plain, v_was) n (id, was)
     join ops_mission_steps s on s.id = n.id;
  return (select jsonb_object_agg(s.id, s.status) from ops_mission_steps s where s.id = any (v_plain));
end;
$$;
