create or replace function _unpark_steps(p_scope text, p_target text, p_limit integer)
returns table (requeued integer, still_paused integer)
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Puts up to p_limit steps that a pause parked, and that is lifted, back into the queue; one that another pause covers
-- stays parked under that. One that is not parked any more (cancelled, resolved, deleted meanwhile) is forgotten.
-- Never waits: what somebody holds is left for the next call.
-- Locks: ops_paused_steps, then steps, SKIP LOCKED. Writes: ops_paused_steps, ops_mission_steps, ops_ready. Raises:
-- nothing.
declare
  c_chunk constant integer := 1000;
  v_left integer := p_limit;
  v_ids uuid[];
  v_free uuid[];
  v_covered uuid[];
  v_back uuid[];
begin
  requeued := 0;
  still_paused := 0;
  while v_left > 0 loop
    select array_agg(l.step_id) into v_ids
      from (select p.step_id from ops_paused_steps p
             where p.scope = p_scope and p.target = p_target
             order by p.step_id
             limit least(c_chunk, v_left)
               for update skip locked) l;
    exit when v_ids is null;
    v_left := v_left - cardinality(v_ids);
    select coalesce(array_agg(l.id), '{}') into v_free
      from (select s.id from ops_mission_steps s where s.id = any (v_ids) order by s.id for no key update skip locked) l;

    with other as (
      update ops_paused_steps p
         set scope = c.scope, target = c.target
        from _covering_pauses(v_free) c
       where p.step_id = c.step_id and p.step_id = any (v_free)
         and exists (select from ops_mission_steps s where s.id = c.step_id and s.status = 'waiting' and s.wait_reason like 'paused: %')
      returning p.step_id, p.scope, p.target
    ), said as (
      update ops_mission_steps s
         set wait_reason = concat('paused: ', o.scope, ' ', o.target, ': ' || p.reason)
        from other o
        join ops_pauses p on p.scope = o.scope and p.target = o.target
       where s.id = o.step_id
    )
    select coalesce(array_agg(o.step_id), '{}') into v_covered from other o;
    select array_agg(s.id) into v_back
      from ops_mission_steps s
     where s.id = any (v_free) and s.id <> all (v_covered) and s.status = 'waiting' and s.wait_reason like 'paused: %';
    -- Who is not there at all could not be locked either.
    delete from ops_paused_steps p
     where p.step_id = any (v_ids) and p.step_id <> all (v_covered)
       and (p.step_id = any (v_free) or not exists (select from ops_mission_steps s where s.id = p.step_id));
    if v_back is not null then
      perform _enqueue_steps(v_back);
    end if;
    requeued := requeued + coalesce(cardinality(v_back), 0);
    still_paused := still_paused + cardinality(v_covered);
    exit when cardinality(v_free) = 0;
  end loop;
  return next;
end;
$$;
