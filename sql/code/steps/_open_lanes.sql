create or replace function _open_lanes(
  p_executors text[],
  p_worker_policy jsonb,
  out lanes integer[],
  out priorities smallint[],
  out fronts bigint[]
)
language plpgsql
set search_path from current
as $$
-- The lanes that have steps for a worker: those of the executors it offers (null: of all) that worker_policy allows
-- and does not block, and that are not paused; a preset is a command, and blocked and paused with it. Higher priorities first,
-- then the lane whose front has waited longest. fronts: the first place in each that is not empty. All null for no lane.
-- Locks: none that wait. Writes: marks of lanes. Raises: nothing.
declare
  v_blocked jsonb := coalesce(p_worker_policy -> 'blocked_executors', '[]');
  v_paused text[] := array(select p.target from ops_pauses p where p.scope = 'executor');
begin
  select array_agg(w.lane), array_agg(w.priority) into lanes, priorities
    from ops_lanes w
   where w.queue = 'steps'
     and (p_executors is null or w.executor = any (p_executors))
     and (v_blocked = '[]' or not _matches_any(w.executor, v_blocked))
     and w.executor <> all (v_paused)
     and not (coalesce(p_worker_policy -> 'presets' ? w.executor, false)
              and ('command' = any (v_paused) or _matches_any('command', v_blocked)))
     and (coalesce(jsonb_typeof(p_worker_policy -> 'allowed_executors'), 'null') = 'null'
          or _matches_any(w.executor, p_worker_policy -> 'allowed_executors'));
  fronts := _lane_fronts(lanes);
  select array_agg(n.lane), array_agg(n.priority), array_agg(n.front) into lanes, priorities, fronts
    from (select * from unnest(lanes, priorities, fronts) o (lane, priority, front)
           where o.front is not null
           order by o.priority desc, o.front) n;
end;
$$;
