create or replace function _latest_ticks(
  p_schedule ops_schedules,
  p_after timestamptz,
  p_upto timestamptz,
  p_limit integer
)
returns timestamptz[]
language plpgsql
stable
set search_path from current
as $$
-- The last p_limit ticks of a schedule after p_after and up to p_upto, ascending. Ticks are worked out forward only: so
-- it looks back twice as far each time until there are enough, and then halves what is too much. Its cost follows
-- from p_limit, not from how long the time was.
-- Locks: none. Writes: nothing. Raises: 22023 for a time zone that the server does not know.
declare
  v_span interval := interval '1 minute';
  v_many timestamptz;
  v_few timestamptz := p_upto;
  v_at timestamptz;
  v_ticks timestamptz[];
begin
  loop
    v_at := case when v_many is null then greatest(p_upto - v_span, p_after) else v_many + (v_few - v_many) / 2 end;
    v_ticks := _ticks(p_schedule, v_at, p_upto, p_limit + 1);
    exit when cardinality(v_ticks) = p_limit or (cardinality(v_ticks) < p_limit and v_at = p_after);
    if cardinality(v_ticks) > p_limit then
      v_many := v_at;
    else
      v_few := v_at;
      v_span := v_span * 2;
    end if;
  end loop;
  return v_ticks;
end;
$$;
