create or replace function _resume_steps(p_scope text, p_target text, p_limit integer)
returns table (requeued integer, still_paused integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- After a pause was lifted: puts up to p_limit steps that it parked back into the queue. A step that another pause
-- covers stays parked, under that one. The row of a step that no longer waits (changed by hand, deleted) is removed.
-- Never waits: steps that other sessions have locked are left for the next call.
-- Locks: ops_parked_steps, then steps, SKIP LOCKED. Writes: ops_parked_steps, ops_mission_steps, ops_ready. Raises:
-- nothing.
declare
  c_chunk constant integer := 1000;
  v_left integer := p_limit;
  v_ids uuid[];
  v_free uuid[];
  v_parked uuid[];
  v_covered uuid[];
  v_back uuid[];
begin
  requeued := 0;
  still_paused := 0;
  while v_left > 0 loop
    select array_agg(l.step_id) into v_ids
      from (select p.step_id from ops_parked_steps p
             where p.waits_for = 'pause' and p.scope = p_scope and p.target = p_target
             order by p.step_id
             limit least(c_chunk, v_left)
               for update skip locked) l;
    exit when v_ids is null;
    v_left := v_left - cardinality(v_ids);
    select coalesce(array_agg(l.id), '{}'), coalesce(array_agg(l.id) filter (where l.status = 'waiting'), '{}')
      into v_free, v_parked
      from (select s.id, s.status
              from ops_mission_steps s where s.id = any (v_ids) order by s.id for no key update skip locked) l;

    select _park_paused(array_agg(c.step_id), array_agg(c.scope), array_agg(c.target), 'waiting') into v_covered
      from _parking_pauses(v_parked) c;
    v_back := array(select n.id from unnest(v_parked) n (id) where n.id <> all (v_covered));
    -- A step that was deleted is not among those locked either.
    perform _unpark_steps(array(
      select n.id from unnest(v_ids) n (id)
       where n.id <> all (v_covered)
         and (n.id = any (v_free) or not exists (select from ops_mission_steps s where s.id = n.id))));
    perform _enqueue_steps(v_back);
    requeued := requeued + cardinality(v_back);
    still_paused := still_paused + cardinality(v_covered);
    exit when cardinality(v_free) = 0;
  end loop;
  return next;
end;
$$;
