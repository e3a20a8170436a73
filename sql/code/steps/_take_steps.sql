create or replace function _take_steps(p_executors text[], p_limit integer, p_worker_policy jsonb)
returns uuid[]
language plpgsql
set search_path from current
as $$
-- Takes up to p_limit ready steps out of their lanes: higher priorities first, lanes of one priority in equal shares,
-- oldest first within a lane. A session remembers for a second where it found the front of each lane, since the walk
-- over what was taken before it grows while anybody's snapshot keeps that alive. A step that commits late, or comes
-- back, lies before that place: it is seen within the second, and at once when there is not enough behind it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready, the session's setting opsloop.fronts. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ids uuid[] := '{}';
  v_left integer := p_limit;
  v_known jsonb := nullif(current_setting('opsloop.fronts', true), '')::jsonb;
  v_fronts jsonb := '{}';
  v_taken uuid[];
  v_group record;
  v_lane integer;
  v_open integer[];
  v_share integer;
begin
  if v_known ->> 'schema' is distinct from current_schema()::text
     or (v_known ->> 'since')::timestamptz not between v_now - interval '1 second' and v_now then
    v_known := null;
  end if;

  for v_look in 1..2 loop
    for v_group in
      select o.priority, array_agg(o.lane) as lanes, array_agg(o.front) as fronts
        from _open_lanes(p_executors, p_worker_policy, v_known -> 'fronts') o
       group by o.priority
       order by o.priority desc
    loop
      v_fronts := v_fronts || jsonb_object(v_group.lanes::text[], v_group.fronts::text[]);
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
    exit when v_left = 0 or v_known is null;
    v_known := null;
    v_fronts := '{}';
  end loop;

  perform set_config('opsloop.fronts', jsonb_build_object(
    'schema', current_schema(), 'since', coalesce((v_known ->> 'since')::timestamptz, v_now), 'fronts', v_fronts)::text, false);
  return v_ids;
end;
$$;
