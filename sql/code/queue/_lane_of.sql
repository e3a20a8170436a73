create or replace function _lane_of(p_queue text)
returns integer
language plpgsql
immutable
parallel safe
set search_path from current
as $$
-- The lane of a queue that has only one: events, reactions or outbox; the same numbers as in ops_lanes. Immutable, so
-- that the planner sees a constant.
-- Locks: none. Writes: nothing. Raises: case_not_found for any other queue.
declare
  v_lane integer;
begin
  case p_queue
    when 'events' then v_lane := 1;
    when 'reactions' then v_lane := 2;
    when 'outbox' then v_lane := 3;
  end case;
  return v_lane;
end;
$$;
