create or replace function _note_awaited(p_event_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Keeps those of these events, which were just looked at, that steps wait for (_duty_waits gives them to the steps).
-- All of them, and for longer, while a transaction is open in which a step begins to listen (_listen): what it listens
-- for is not to be seen yet. A snapshot above read committed does not see what was committed since, either.
-- Locks: an advisory lock, never waiting, and given back at once. Writes: ops_awaited_events. Raises: nothing.
declare
  c_lock constant integer := 'ops_event_waits'::regclass::oid::integer;
  v_is_open constant boolean := current_setting('transaction_isolation') <> 'read committed'
    or case when pg_try_advisory_lock(c_lock, 0) then not pg_advisory_unlock(c_lock, 0) else true end;
begin
  if v_is_open then
    insert into ops_awaited_events (event_id, keep_until)
    select n.id, pg_snapshot_xmax(pg_current_snapshot())
      from unnest(p_event_ids) with ordinality n (id, nth) order by n.nth;
  elsif exists (select from ops_event_waits w where w.event_id is null) then
    insert into ops_awaited_events (event_id)
    with recursive event as materialized (
      select e.id, n.nth, e.type
        from unnest(p_event_ids) with ordinality n (id, nth)
       -- Plans 1
       cross join lateral (select t.id, t.type from ops_agent_events t where t.id = n.id limit 1) e
    ), glob (type) as (
      -- Each glob once: one probe of the index for each.
      (select w.type from ops_event_waits w where w.event_id is null and w.is_glob order by w.type limit 1)
      union all
      select n.type
        from glob g
       cross join lateral (select w.type from ops_event_waits w
                            where w.event_id is null and w.is_glob and w.type > g.type
                            order by w.type limit 1) n
    ), awaited as (
      select d.type
        from (select distinct e.type from event e) d
       where exists (select from ops_event_waits w where w.event_id is null and w.type = d.type)
          or exists (select from glob g where d.type like _like_pattern(g.type))
    )
    select e.id from event e where e.type in (select a.type from awaited a) order by e.nth;
  end if;
end;
$$;
