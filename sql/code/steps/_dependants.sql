create or replace function _dependants(p_mission_ids uuid[], p_status text)
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The steps of these missions that need, directly or not, one with on_failure isolate and status p_status.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    with recursive needs (id) as (
      select u
        from ops_mission_steps f
       cross join lateral unnest(f.unblocks) u
       where f.mission_id = any (p_mission_ids) and f.status = p_status and f.on_failure = 'isolate'
      union
      select u
        from needs n
       -- Plans 1
       cross join lateral (select t.unblocks from ops_mission_steps t where t.id = n.id limit 1) s
       cross join lateral unnest(s.unblocks) u
    )
    select n.id from needs n);
end;
$$;
