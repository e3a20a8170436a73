create or replace function _open_lanes(p_executors text[], p_worker_policy jsonb, p_fronts jsonb)
returns table (lane integer, priority smallint, front bigint)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
as $$
-- The lanes a worker may take steps from: those of the executors it offers (null: of all) that worker_policy allows
-- and does not block; a preset is a command, and blocked with it. Higher priorities first, then the lane whose front
-- has waited longest. front: the first place in the lane that is not empty, from the place that p_fronts has for it on.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  -- The front of a lane is one probe of the index; as an exists() the planner would read the whole queue instead.
  return query
  select l.lane, l.priority, l.front
    from (select w.lane, w.priority,
                 (select r.seq from ops_ready r
                   where r.lane = w.lane and r.seq >= coalesce((p_fronts ->> w.lane::text)::bigint, 0)
                   order by r.seq limit 1) as front
            from ops_lanes w
           where w.queue = 'steps'
             and (p_executors is null or w.executor = any (p_executors))
             and not _matches_any(w.executor, coalesce(p_worker_policy -> 'blocked_executors', '[]'))
             and not (coalesce(p_worker_policy -> 'presets' ? w.executor, false)
                      and _matches_any('command', p_worker_policy -> 'blocked_executors'))
             and (coalesce(jsonb_typeof(p_worker_policy -> 'allowed_executors'), 'null') = 'null'
                  or _matches_any(w.executor, p_worker_policy -> 'allowed_executors'))) l
   where l.front is not null
   order by l.priority desc, l.front;
end;
$$;
