create or replace function _park_queued(p_step_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Takes those of these steps out of the queue that a pause covers, and parks them; returns how many. Never waits: a
-- step that another session has locked stays in the queue.
-- Locks: ops_ready, then steps, SKIP LOCKED. Writes: ops_ready, and what _park_steps writes. Raises: nothing.
declare
  v_ids uuid[];
  v_scopes text[];
  v_targets text[];
  v_parked uuid[];
begin
  select array_agg(q.id), array_agg(q.scope), array_agg(q.target) into v_ids, v_scopes, v_targets
    from (select r.id, c.scope, c.target
            from _parking_pauses(p_step_ids) c
           -- Plans 1
           cross join lateral (select t.id, t.lane, t.ready_seq from ops_mission_steps t
                               where t.id = c.step_id limit 1) s
           cross join lateral (select t.id from ops_ready t
                               where t.lane = s.lane and t.seq = s.ready_seq and t.id = s.id
                                  for update skip locked) r) q;
  if v_ids is null then
    return 0;
  end if;
  v_parked := _park_paused(v_ids, v_scopes, v_targets);
  delete from ops_ready
   where ctid = any (array(
     select r.ctid
       from unnest(v_parked) p (id)
      cross join lateral (select t.id, t.lane, t.ready_seq from ops_mission_steps t where t.id = p.id limit 1) s
      cross join lateral (select t.ctid from ops_ready t
                           where t.lane = s.lane and t.seq = s.ready_seq and t.id = s.id limit 1) r));
  return cardinality(v_parked);
end;
$$;
