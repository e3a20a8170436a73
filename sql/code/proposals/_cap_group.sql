create or replace function _cap_group(p_source text, p_created_at timestamptz)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- Proposals of one group count against the same windows: one source, one UTC hour.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return date_trunc('hour', p_created_at at time zone 'UTC')::text || ' ' || p_source;
end;
$$;
