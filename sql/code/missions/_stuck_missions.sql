create or replace function _stuck_missions(p_mission_ids uuid[])
returns table (mission_id uuid, stuck text, reasons jsonb, since timestamptz)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Those of these missions whose open steps all wait for what does not come by itself, with what in words (1 held, 2 no
-- worker) and as numbers, and since when the oldest waits. A step that runs, waits for its turn, a time or its next try
-- means that the mission works. Steps that only wait for others do not count, unless there is nothing else. Of a
-- mission 1,000 open steps are looked at.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_policy constant jsonb := _policy('worker_policy');
  v_open_xids xid[];
begin
  -- Transactions that have written, but for this one.
  v_open_xids := array(select l.transactionid from pg_locks l
                        where l.locktype = 'transactionid' and l.granted and l.mode = 'ExclusiveLock'
                          and l.pid is distinct from pg_backend_pid());
  return query
  with open as materialized (
    select s.*
      from (select distinct u.id from unnest(p_mission_ids) u (id)) n
     cross join lateral (
       select t.id, t.mission_id, t.status, t.executor, t.run_after, t.lease_expires_at, t.updated_at, t.xmax as locker
         from ops_mission_steps t
        where t.mission_id = n.id and t.status in ('blocked', 'queued', 'running', 'waiting')
        limit 1000) s
  ), covered as (
    select distinct c.step_id
      from _covering_pauses(array(select o.id from open o
                                   where o.status = 'queued' and exists (select from ops_pauses))) c
  ), executor as materialized (
    select e.name, (_executor_blocked(e.name, v_policy)).rule is not null as is_blocked,
           exists (select from ops_workers_seen w where w.live_until > v_now and w.executors ? e.name) as is_served
      from (select distinct o.executor as name from open o where o.status = 'queued') e
  ), told as (
    select o.mission_id, o.status, o.updated_at,
           case o.status
             when 'running' then case when o.lease_expires_at < v_now - interval '1 minute' then 'lease over' end
             when 'waiting' then
               case when p.until is not null or p.waits_for in ('time', 'event') then null
                    when p.waits_for = 'pause' then 'paused'
                    when p.waits_for = 'limit' then 'over a limit'
                    when p.code = 'OPS_010' then 'held'
                    else 'for a person' end
             when 'queued' then
               case when c.step_id is not null then 'paused'
                    when e.is_blocked then 'blocked by policy'
                    when not e.is_served then 'no worker'
                    when o.run_after is null and o.updated_at < v_now - interval '5 seconds'
                         and o.locker = any (v_open_xids) then 'locked' end
             else 'dependency' end as reason
      from open o
      left join ops_parked_steps p on o.status = 'waiting' and p.step_id = o.id
      left join covered c on c.step_id = o.id
      left join executor e on o.status = 'queued' and e.name = o.executor
  ), mission as (
    select t.mission_id, bool_or(t.reason is null) as works, bool_and(t.status = 'blocked') as only_blocked
      from told t group by t.mission_id
  ), counted as (
    select t.mission_id, t.reason, count(*) as n, min(t.updated_at) as since
      from told t
      join mission m on m.mission_id = t.mission_id
     where not m.works and (m.only_blocked or t.status <> 'blocked')
     group by t.mission_id, t.reason
  )
  select c.mission_id, string_agg(format('%s %s', c.n, c.reason), ', ' order by c.n desc, c.reason),
         jsonb_object_agg(c.reason, c.n), min(c.since)
    from counted c
   group by c.mission_id;
end;
$$;
