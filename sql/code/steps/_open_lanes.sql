create or replace function _open_lanes(p_executors text[], p_worker_policy jsonb)
returns table (lane integer, priority smallint)
language plpgsql
stable
set search_path from current
as $$
-- The lanes a worker may take steps from: those of the executors it offers (null: of all) that worker_policy allows
-- and does not block. Higher priorities first; lanes of one priority in an order that changes from moment to moment,
-- so that none of them is always last.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select l.lane, l.priority
    from ops_lanes l
   where l.queue = 'steps'
     and (p_executors is null or l.executor = any (p_executors))
     and not _matches_any(l.executor, coalesce(p_worker_policy -> 'blocked_executors', '[]'))
     and (coalesce(jsonb_typeof(p_worker_policy -> 'allowed_executors'), 'null') = 'null'
          or _matches_any(l.executor, p_worker_policy -> 'allowed_executors'))
     and exists (select from ops_ready r where r.lane = l.lane)
   order by l.priority desc, hashint8((extract(epoch from _now()) * 1000)::bigint + l.lane);
end;
$$;
