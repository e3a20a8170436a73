create or replace function _end_of_gap(p_zone text, p_local timestamp, p_offsets interval[])
returns timestamptz
language plpgsql
stable
set search_path from current
as $$
-- The first moment, to the second, at which the clocks of a time zone are past a time that they leave out. p_offsets:
-- those of the zone before and after the gap.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_before timestamptz := (p_local - greatest(p_offsets[1], p_offsets[2])) at time zone 'UTC';
  v_past timestamptz := (p_local - least(p_offsets[1], p_offsets[2])) at time zone 'UTC';
  v_middle timestamptz;
begin
  while v_past - v_before > interval '1 second' loop
    v_middle := date_trunc('second', v_before + (v_past - v_before) / 2);
    if v_middle at time zone p_zone < p_local then
      v_before := v_middle;
    else
      v_past := v_middle;
    end if;
  end loop;
  return v_past;
end;
$$;
