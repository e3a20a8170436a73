create or replace function _take_steps(p_executors text[], p_limit integer, p_worker_policy jsonb)
returns uuid[]
language plpgsql
set search_path from current
as $$
-- Takes up to p_limit ready steps out of their lanes: higher priorities first, lanes of one priority in equal shares,
-- oldest first within a lane.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
declare
  v_ids uuid[] := '{}';
  v_left integer := p_limit;
  v_taken uuid[];
  v_group record;
  v_lane integer;
  v_open integer[];
  v_share integer;
begin
  for v_group in
    select o.priority, array_agg(o.lane) as lanes, array_agg(o.front) as fronts
      from _open_lanes(p_executors, p_worker_policy) o
     group by o.priority
     order by o.priority desc
  loop
    v_open := v_group.lanes;
    -- A lane that gave less than its share is empty; the others share what it left.
    while v_left > 0 and cardinality(v_open) > 0 loop
      v_share := greatest(v_left / cardinality(v_open), 1);
      foreach v_lane in array v_open loop
        v_taken := _take_ready(v_lane, least(v_share, v_left),
                               v_group.fronts[array_position(v_group.lanes, v_lane)]);
        if cardinality(v_taken) < least(v_share, v_left) then
          v_open := array_remove(v_open, v_lane);
        end if;
        v_ids := v_ids || v_taken;
        v_left := v_left - cardinality(v_taken);
        exit when v_left = 0;
      end loop;
    end loop;
    exit when v_left = 0;
  end loop;
  return v_ids;
end;
$$;
