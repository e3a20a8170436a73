create or replace function _sweep_steps(p_now timestamptz, p_stale interval, p_limit integer)
returns table (
  hand_queued uuid[],
  without_lease uuid[],
  without_timer uuid[],
  without_parking uuid[],
  not_waiting uuid[],
  interrupted uuid[],
  misdated uuid[]
)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- One part of the rolling scan of all steps. hand_queued: queued, but not in ops_ready. without_lease: running without
-- a lease that a claim gave. without_timer: running with a lease that ran out long ago, or waiting for a retry or a
-- time that is long due. without_parking: waiting, but not in ops_parked_steps. not_waiting: in ops_parked_steps, but
-- not waiting, or gone. interrupted: with a lease, but not running. misdated: running, or waiting for a retry, and
-- changed last at a time that is still to come: the clock was set back. Live steps without a mission are noted in
-- ops_strays; rows that were set aside are left out. There is no index on status, on purpose (every claim would have to
-- write it), hence the scan. Empty when it is not the caller's turn (_begin_sweep).
-- Locks: the row of ops_sweep, SKIP LOCKED. Writes: ops_sweep, ops_strays. Raises: nothing.
declare
  v_from uuid;
  v_last uuid;
  v_seen bigint;
  v_strays uuid[];
begin
  v_from := _begin_sweep('steps', p_now);
  if v_from is null then
    return;
  end if;
  select (array_agg(p.id))[p_limit], count(*),
         array_agg(p.id) filter (where p.status = 'queued' and p.run_after is null
                                   and not exists (select from ops_ready r
                                                   where r.lane = p.lane and r.seq = p.ready_seq)),
         array_agg(p.id) filter (where p.status = 'running'
                                   and (p.lease_token is null
                                        or not _is_given_lease(p.lease_expires_at, p.deadline_at))
                                   and greatest(p.updated_at, p.reserved_at) < p_now - p_stale),
         array_agg(p.id) filter (where (p.status = 'running' and p.lease_expires_at < p_now - interval '1 minute')
                                    or (p.status = 'queued' and p.run_after < p_now - interval '1 minute')
                                    or (p.status = 'waiting'
                                        and exists (select from ops_parked_steps w
                                                     where w.step_id = p.id
                                                       and w.until < p_now - interval '1 minute'
                                                    union all
                                                    select from ops_child_missions c
                                                      join ops_missions m on m.id = c.mission_id
                                                     where c.step_id = p.id
                                                       and m.completed_at < p_now - interval '1 minute'))),
         array_agg(p.id) filter (where p.status = 'waiting'
                                   and not exists (select from ops_parked_steps w where w.step_id = p.id)),
         array_agg(p.id) filter (where p.status <> 'running' and p.lease_expires_at is not null),
         array_agg(p.id) filter (where (p.status = 'running' or (p.status = 'queued' and p.run_after is not null))
                                   and p.updated_at > p_now + interval '1 second'),
         array_agg(p.id) filter (where p.status in ('blocked', 'queued', 'running', 'waiting')
                                   and not exists (select from ops_missions m where m.id = p.mission_id))
    into v_last, v_seen, hand_queued, without_lease, without_timer, without_parking, interrupted, misdated, v_strays
    from (select s.* from ops_mission_steps s where s.id > v_from order by s.id limit p_limit) p;
  select array_agg(w.step_id) into not_waiting
    from (select k.step_id
            from ops_parked_steps k
            -- Plans 1
            left join lateral (select t.status from ops_mission_steps t where t.id = k.step_id limit 1) s on true
           where k.step_id > v_from and (k.step_id > v_last) is not true
             and s.status is distinct from 'waiting'
           limit p_limit) w;
  hand_queued := _not_aside(hand_queued);
  without_lease := _not_aside(without_lease);
  without_timer := _not_aside(without_timer);
  misdated := _not_aside(misdated);
  without_parking := _not_aside(without_parking);
  not_waiting := _not_aside(not_waiting);
  interrupted := _not_aside(interrupted);
  perform _note_strays('step without mission', v_from, v_last, v_strays,
                       'update ops_mission_steps set status = ''cancelled'' where id = %L;');
  perform _end_sweep('steps', p_now, v_seen, v_last,
                     coalesce(hand_queued, without_lease, without_timer, without_parking, not_waiting, interrupted)
                       is not null);
  return next;
end;
$$;
