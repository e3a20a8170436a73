create or replace function _unpark_steps(p_scope text, p_target text, p_limit integer)
returns table (requeued integer, still_paused integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
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
  v_parked uuid[];
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
    select coalesce(array_agg(l.id), '{}'),
           coalesce(array_agg(l.id) filter (where l.status = 'waiting' and l.wait_reason like 'paused: %'), '{}')
      into v_free, v_parked
      from (select s.id, s.status, s.wait_reason
              from ops_mission_steps s where s.id = any (v_ids) order by s.id for no key update skip locked) l;

    -- By their places, found by key: as plain joins these would be walks over all that is parked where the tables were empty
    -- when their statistics were taken. The locks keep the places.
    with other as (
      update ops_paused_steps p
         set scope = c.scope, target = c.target
        from _covering_pauses(v_parked) c
       cross join lateral (select t.ctid from ops_paused_steps t where t.step_id = c.step_id limit 1) f (place)
       where p.ctid = f.place
      returning p.step_id, p.scope, p.target
    ), said as (
      update ops_mission_steps s
         set wait_reason = concat('paused: ', o.scope, ' ', o.target, ': ' || p.reason)
        from other o
        join ops_pauses p on p.scope = o.scope and p.target = o.target
       cross join lateral (select t.ctid from ops_mission_steps t where t.id = o.step_id limit 1) f (place)
       where s.ctid = f.place
    )
    select coalesce(array_agg(o.step_id), '{}') into v_covered from other o;
    select array_agg(n.id) into v_back from unnest(v_parked) n (id) where n.id <> all (v_covered);
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
