create or replace function _take_steps(p_executors text[], p_limit integer, p_worker_policy jsonb)
returns uuid[]
language plpgsql
set search_path from current
as $$
-- Takes up to p_limit ready steps out of their lanes: higher priorities first, lanes of one priority in equal shares,
-- the oldest first within a lane. While other workers are idle, it takes only its share of what is ready: else a few
-- long steps, or steps that unblock many others, would all go to the worker that wakes first.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready, marks of lanes. Raises: nothing.
declare
  -- A share smaller than this is not worth a claim of its own.
  c_least constant integer := 10;
  v_ids uuid[] := '{}';
  v_left integer := p_limit;
  v_idle integer := (select count(*) from ops_workers where idle);
  v_ready record;
  v_lanes integer[];
  v_priorities smallint[];
  v_fronts bigint[];
  v_at integer := 1;
  v_open integer[];
  v_lane integer;
  v_share integer;
  v_taken uuid[];
begin
  v_ready := _open_lanes(p_executors, p_worker_policy);
  v_lanes := v_ready.lanes;
  v_priorities := v_ready.priorities;
  v_fronts := v_ready.fronts;
  if v_idle > 1 then
    -- An upper bound of what is ready: the seqs drawn since the lowest that is there. Counting would cost more.
    v_left := least(v_left, greatest(c_least,
                                     (_last_ready_number() - (select min(f) from unnest(v_fronts) f)) / v_idle + 1));
  end if;
  while v_left > 0 and v_at <= cardinality(v_lanes) loop
    v_open := array_positions(v_priorities, v_priorities[v_at]);
    v_at := v_at + cardinality(v_open);
    -- A lane that gave less than its share is empty; the others share what it left.
    while v_left > 0 and cardinality(v_open) > 0 loop
      v_share := greatest(v_left / cardinality(v_open), 1);
      foreach v_lane in array v_open loop
        v_taken := _take_ready(v_lanes[v_lane], least(v_share, v_left), v_fronts[v_lane]);
        if cardinality(v_taken) < least(v_share, v_left) then
          v_open := array_remove(v_open, v_lane);
        end if;
        v_ids := v_ids || v_taken;
        v_left := v_left - cardinality(v_taken);
        exit when v_left = 0;
      end loop;
    end loop;
  end loop;
  return v_ids;
end;
$$;
