create or replace function _awaited_types()
returns text[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The types of events of the loop that steps wait for, as LIKE patterns: like those that a pattern watches
-- (_watched_types), they are stored, and looked at.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if not exists (select from ops_event_waits w where w.event_id is null and w.of_loop) then
    return '{}'::text[];
  end if;
  return array(
    with recursive awaited (type) as (
      (select w.type from ops_event_waits w where w.event_id is null and w.of_loop order by w.type limit 1)
      union all
      select n.type
        from awaited a
       cross join lateral (select w.type from ops_event_waits w
                            where w.event_id is null and w.of_loop and w.type > a.type
                            order by w.type limit 1) n
    )
    select _like_pattern(a.type) from awaited a);
end;
$$;
