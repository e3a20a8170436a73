create or replace function _sweep_steps(p_now timestamptz, p_stale interval, p_limit integer)
returns table (adopt uuid[], lost uuid[], timeless uuid[], forgotten uuid[], unseen uuid[])
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- One part of the rolling look over all steps: adopt are queued but not in the queue; lost run without a lease;
-- timeless run with a lease that ran out long ago or wait for a retry long due, their timers gone; forgotten
-- were parked by a pause that no longer knows of them; unseen wait for a person whose inbox lacks them. There is no index on status on purpose (every claim would have
-- to write it), hence the walk. Nothing when another session walks, or within a second of the last part of a longer
-- round.
-- Locks: the row of ops_sweep, SKIP LOCKED. Writes: ops_sweep. Raises: nothing.
declare
  v_from uuid;
  v_last uuid;
  v_seen bigint;
begin
  select coalesce(w.position, '00000000-0000-0000-0000-000000000000') into v_from
    from ops_sweep w
   where w.name = 'steps' and (w.position is null or w.swept_at <= p_now - interval '1 second')
     for update skip locked;
  if not found then
    return;
  end if;
  select max(p.id::text)::uuid, count(*),
         array_agg(p.id) filter (where p.status = 'queued' and p.run_after is null
                                   and not exists (select from ops_ready r where r.lane = p.lane and r.seq = p.ready_seq)),
         array_agg(p.id) filter (where p.status = 'running' and p.lease_expires_at is null
                                   and greatest(p.updated_at, p.reserved_at) < p_now - p_stale),
         array_agg(p.id) filter (where (p.status = 'running' and p.lease_expires_at < p_now - interval '1 minute')
                                    or (p.status = 'queued' and p.run_after < p_now - interval '1 minute')),
         array_agg(p.id) filter (where p.status = 'waiting' and p.wait_reason like 'paused: %'
                                   and not exists (select from ops_paused_steps w where w.step_id = p.id)),
         array_agg(p.id) filter (where p.status = 'waiting' and coalesce(p.wait_reason, '') not like 'paused: %'
                                   and not exists (select from ops_waiting_steps w where w.step_id = p.id))
    into v_last, v_seen, adopt, lost, timeless, forgotten, unseen
    from (select s.* from ops_mission_steps s where s.id > v_from order by s.id limit p_limit) p;
  update ops_sweep set position = case when v_seen < p_limit then null else v_last end, swept_at = p_now where name = 'steps';
  return next;
end;
$$;
