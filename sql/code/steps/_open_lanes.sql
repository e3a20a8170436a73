create or replace function _open_lanes(p_executors text[], p_worker_policy jsonb)
returns table (lane integer, priority smallint, front bigint)
language plpgsql
set search_path from current
as $$
-- The lanes that have steps for a worker: those of the executors it offers (null: of all) that worker_policy allows
-- and does not block, and that are not paused; a preset is a command, and blocked and paused with it. Higher priorities first,
-- then the lane whose front has waited longest. front: the first place in the lane that is not empty.
-- Locks: none that wait. Writes: marks of lanes. Raises: nothing.
declare
  v_lanes integer[];
  v_priorities smallint[];
  v_paused text[] := array(select p.target from ops_pauses p where p.scope = 'executor');
begin
  select array_agg(w.lane), array_agg(w.priority) into v_lanes, v_priorities
    from ops_lanes w
   where w.queue = 'steps'
     and (p_executors is null or w.executor = any (p_executors))
     and not _matches_any(w.executor, coalesce(p_worker_policy -> 'blocked_executors', '[]'))
     and w.executor <> all (v_paused)
     and not (coalesce(p_worker_policy -> 'presets' ? w.executor, false)
              and ('command' = any (v_paused) or _matches_any('command', p_worker_policy -> 'blocked_executors')))
     and (coalesce(jsonb_typeof(p_worker_policy -> 'allowed_executors'), 'null') = 'null'
          or _matches_any(w.executor, p_worker_policy -> 'allowed_executors'));
  return query
  select f.lane, n.priority, f.front
    from _lane_fronts(v_lanes) f
    join unnest(v_lanes, v_priorities) n (lane, priority) on n.lane = f.lane
   where f.front is not null
   order by n.priority desc, f.front;
end;
$$;
