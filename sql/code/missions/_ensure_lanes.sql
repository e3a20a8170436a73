create or replace function _ensure_lanes(p_executors text[], p_priorities smallint[])
returns void
language plpgsql
set search_path from current
as $$
-- Makes the lanes that these executors and priorities need and that are not there yet. Two transactions at once may each
-- make one: a second lane does no harm, while a unique index would make one wait for the other's end.
-- Locks: none. Writes: ops_lanes, seldom. Raises: nothing.
begin
  insert into ops_lanes (queue, executor, priority)
  select 'steps', w.executor, w.priority
    from (select distinct executor, priority from unnest(p_executors, p_priorities) n (executor, priority)) w
   where not exists (select from ops_lanes l
                      where l.queue = 'steps' and l.executor = w.executor and l.priority = w.priority);
end;
$$;
