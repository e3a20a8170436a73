create or replace function fn_explain_mission(p_mission_id uuid)
returns table (step_id uuid, key text, status text, reason text, code text, detail text, frees text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Why a mission does not go on: the reasons of its open steps, those first that other steps wait for; of an ended
-- mission the row of the mission (step_id null), and its failed steps. 100 steps at most. frees: the complete statement
-- that ends this reason; null where only time, a worker or another step does. Statements of several rows are run from
-- top to bottom.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an unknown mission.
declare
  v_mission ops_missions;
  v_is_paused boolean := false;
begin
  select * into v_mission from ops_missions m where m.id = p_mission_id;
  if not found then
    perform _raise_unknown('mission', p_mission_id);
  end if;

  if v_mission.status in ('succeeded', 'failed', 'cancelled') then
    status := v_mission.status;
    reason := 'ended';
    code := v_mission.error_code;
    detail := format('%s at %s%s', v_mission.status, date_trunc('second', v_mission.completed_at),
                     ': ' || v_mission.error);
    if v_mission.status = 'cancelled' then
      frees := (select format('select %I.fn_retry_step(%L);', current_schema(), s.id)
                  from ops_mission_steps s
                 where s.mission_id = p_mission_id and s.status in ('cancelled', 'failed')
                 order by s.status = 'cancelled', s.position
                 limit 1);
    end if;
    return next;
  end if;
  for step_id, key, status, reason, code, detail, frees in
    select e.*
      from _explain_steps(array(
        select s.id
          from ops_mission_steps s
         where s.mission_id = p_mission_id
           and (s.status in ('queued', 'running', 'waiting', 'blocked')
                or (s.status = 'failed' and s.on_failure = 'fail'))
         order by s.status = 'blocked', s.position, s.id
         limit 100)) e
  loop
    v_is_paused := v_is_paused or reason = 'pause';
    return next;
  end loop;
  if v_is_paused then
    return;
  end if;
  -- A pause of the mission, its source or everything, which none of its steps has met yet.
  for detail, frees in
    select p.detail, p.frees
      from (select s.id from ops_mission_steps s where s.mission_id = p_mission_id and s.status = 'blocked' limit 1) b
     cross join lateral _explain_pauses(b.id, null) p
     where p.scope in ('all', 'move', 'mission', 'source')
  loop
    step_id := null;
    key := null;
    status := v_mission.status;
    reason := 'pause';
    code := null;
    return next;
  end loop;
end;
$$;
comment on function fn_explain_mission(uuid) is
  'Why a mission is not getting on: a row per step and reason (dependency, approval, hold, pause, session, cap, '
  'policy, no_worker, lease, retry_timer, time, event, mission, queue, ended) with the SQL statement that frees it; '
  '100 steps at most, those that hold up others first. OPS_012 for an unknown mission.';
