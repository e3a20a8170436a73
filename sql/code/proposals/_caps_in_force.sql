create or replace function _caps_in_force(p_caps jsonb, p_own jsonb, p_source text, p_utc timestamp)
returns table (name text, cap integer, scope text, source text, window_start timestamptz, window_end timestamptz)
language plpgsql
immutable
set search_path from current
as $$
-- The caps that policy sets for a source at a moment (UTC), in the order in which their counters are locked.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select w.name, w.cap::integer, w.part || coalesce(':' || w.source, ''), w.source,
         date_trunc(w.part, p_utc) at time zone 'UTC',
         (date_trunc(w.part, p_utc) + ('1 ' || w.part)::interval) at time zone 'UTC'
    from (values (1, 'daily_limit', 'day', null, p_caps ->> 'daily_limit'),
                 (2, 'hourly_limit', 'hour', null, p_caps ->> 'hourly_limit'),
                 (3, format('per_source.%s.daily_limit', p_source), 'day', p_source, p_own ->> 'daily_limit'),
                 (4, format('per_source.%s.hourly_limit', p_source), 'hour', p_source, p_own ->> 'hourly_limit'))
         w (no, name, part, source, cap)
   where w.cap is not null
   order by w.no;
end;
$$;
