create or replace function fn_missing_executors()
returns table (executor text, waiting bigint, oldest timestamptz)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Executors that ready steps ask for and no live worker offers (OPS_005): a typing error in a template, or a worker
-- that does not run. Counts at most 1,000 steps a lane.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  return query
  select l.executor, sum(r.n)::bigint, min(r.oldest)
    from ops_lanes l
   cross join lateral (
     select count(*) as n, (array_agg(s.created_at order by f.seq))[1] as oldest
       from (select q.id, q.seq from ops_ready q where q.lane = l.lane order by q.seq limit 1000) f
       left join ops_mission_steps s on s.id = f.id) r
   where l.queue = 'steps' and r.n > 0
     and not exists (select from ops_workers_seen w where w.live_until > v_now and w.executors ? l.executor)
   group by l.executor
   order by l.executor;
end;
$$;
comment on function fn_missing_executors() is
  'Executors that ready steps ask for and that no live worker offers (OPS_005), with the number of steps waiting (at '
  'most 1,000 a priority) and the oldest.';
