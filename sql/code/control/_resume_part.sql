create or replace function _resume_part(p_step_ids uuid[])
returns table (requeued integer, still_paused integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts steps back into the queue whose pause was lifted; the caller has locked their rows in ops_parked_steps. A step
-- that another pause covers stays parked, under that one. The row of a step that no longer waits (changed by hand,
-- deleted) is removed. Never waits: steps that other sessions have locked stay parked.
-- Locks: steps, SKIP LOCKED. Writes: ops_parked_steps, ops_mission_steps, ops_ready. Raises: nothing for sound data.
declare
  v_free uuid[];
  v_parked uuid[];
  v_covered uuid[];
  v_back uuid[];
begin
  select coalesce(array_agg(l.id), '{}'), coalesce(array_agg(l.id) filter (where l.status = 'waiting'), '{}')
    into v_free, v_parked
    from (select s.id, s.status
            from ops_mission_steps s where s.id = any (p_step_ids) order by s.id for no key update skip locked) l;

  select _park_paused(array_agg(c.step_id), array_agg(c.scope), array_agg(c.target), 'waiting') into v_covered
    from _parking_pauses(v_parked) c;
  v_back := array(select n.id from unnest(v_parked) n (id) where n.id <> all (v_covered));
  -- A step that was deleted is not among those locked either.
  perform _unpark_steps(array(
    select n.id from unnest(p_step_ids) n (id)
     where n.id <> all (v_covered)
       and (n.id = any (v_free) or not exists (select from ops_mission_steps s where s.id = n.id))));
  perform _enqueue_steps(v_back);
  requeued := cardinality(v_back);
  still_paused := cardinality(v_covered);
  return next;
end;
$$;
