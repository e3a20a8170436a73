create or replace function _next_tick(p_cron ops_cron, p_zone text, p_after timestamptz)
returns timestamptz
language plpgsql
stable
set search_path from current
as $$
-- The first tick of a cron expression after p_after in a time zone; null when there is none in fifty years. It is the
-- next time on the wall clock, where that exists and no clock is set back near p_after or near the tick. Else times are
-- looked at one by one, as far back as the clock is set: one that does not exist becomes the first moment after the
-- gap, and of one that exists twice the first is taken; a rhythm (by_the_clock is false) has neither rule, as each hour
-- that passes has its ticks.
-- Locks: none. Writes: nothing. Raises: 22023 for a time zone that the server does not know.
declare
  c_near constant interval := interval '26 hours';
  v_local timestamp := p_after at time zone p_zone;
  v_next timestamp := _next_local(p_cron, v_local);
  v_at timestamptz := v_next at time zone p_zone;
  v_offsets interval[];
  v_shift interval;
  v_best timestamptz;
begin
  if v_next is null then
    return null;
  end if;
  v_offsets := _zone_offsets(p_zone, array[p_after - c_near, p_after, p_after + c_near,
                                           v_at - c_near, v_at, v_at + c_near]);
  v_shift := greatest(v_offsets[1] - v_offsets[2], v_offsets[2] - v_offsets[3], v_offsets[4] - v_offsets[5],
                      v_offsets[5] - v_offsets[6], interval '0') + interval '1 minute';
  if v_at at time zone p_zone = v_next then
    if v_offsets[1] = v_offsets[3] and v_offsets[4] = v_offsets[6] then
      return v_at;
    end if;
    v_offsets := _zone_offsets(p_zone, array[p_after - v_shift, p_after + v_shift, v_at - v_shift, v_at + v_shift]);
    if v_offsets[1] = v_offsets[2] and v_offsets[3] = v_offsets[4] then
      return v_at;
    end if;
  end if;

  v_local := v_local - v_shift;
  loop
    v_local := _next_local(p_cron, v_local);
    exit when v_local is null or v_local > (v_best at time zone p_zone) + v_shift;
    v_at := v_local at time zone p_zone;
    v_offsets := _zone_offsets(p_zone, array[v_at - c_near, v_at + c_near]);
    if p_cron.by_the_clock then
      v_at := coalesce((select min(m.at)
                          from unnest(v_offsets) o
                         cross join lateral (select (v_local - o) at time zone 'UTC' as at) m
                         where m.at at time zone p_zone = v_local),
                       _end_of_gap(p_zone, v_local, v_offsets));
    else
      v_at := (select min(m.at)
                 from unnest(v_offsets) o
                cross join lateral (select (v_local - o) at time zone 'UTC' as at) m
                where m.at at time zone p_zone = v_local and m.at > p_after);
    end if;
    if v_at > p_after then
      v_best := least(v_best, v_at);
    end if;
  end loop;
  return v_best;
end;
$$;
