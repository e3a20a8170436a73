create or replace function _park_front(p_executors text[], p_limit integer)
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Parks the steps that pauses cover at the front of the lanes, so that claims do not read them again and again. It
-- reads the first thousand of each lane, then the next thousand as long as some were parked, p_limit steps in all.
-- Returns how many it parked. One on whose data that fails is failed, and stops no other.
-- Locks: ops_ready, then steps, SKIP LOCKED. Writes: ops_ready, marks of lanes, and what _park_steps and an end write.
-- Raises: errors not caused by the data.
declare
  c_chunk constant integer := 1000;
  v_lanes integer[] := array(select l.lane from ops_lanes l
                             where l.queue = 'steps' and (p_executors is null or l.executor = any (p_executors)));
  v_lane record;
  v_from bigint;
  v_ids uuid[];
  v_free uuid[];
  v_last bigint;
  v_parked integer;
  v_looked_at integer := 0;
  v_all integer := 0;
begin
  for v_lane in
    select f.lane, f.front
      from unnest(v_lanes, _lane_fronts(v_lanes)) f (lane, front)
     where f.front is not null
  loop
    v_from := v_lane.front;
    loop
      select array_agg(r.id), max(r.seq) into v_ids, v_last
        from (select q.id, q.seq from ops_ready q
               where q.lane = v_lane.lane and q.seq >= v_from
               order by q.seq
               limit c_chunk) r;
      exit when v_ids is null;
      v_parked := 0;
      v_free := _not_aside(v_ids);
      if v_free is not null then
        select p.held + p.failed into v_parked from _recover_each('park', v_free) p;
      end if;
      v_all := v_all + v_parked;
      v_looked_at := v_looked_at + cardinality(v_ids);
      exit when v_parked = 0 or v_looked_at >= p_limit or cardinality(v_ids) < c_chunk;
      v_from := v_last + 1;
    end loop;
    exit when v_looked_at >= p_limit;
  end loop;
  return v_all;
end;
$$;
