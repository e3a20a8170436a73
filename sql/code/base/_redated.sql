create or replace function _redated(p_at timestamptz, p_written timestamptz, p_now timestamptz)
returns timestamptz
language plpgsql
immutable
set search_path from current
as $$
-- Moves p_at, which a row has since p_written, to the same distance after p_now. A moment before p_written becomes
-- p_now: moments written by hand may be so far apart that no timestamp lies as far before p_now.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_at is not null then p_now + greatest(_time_between(p_written, p_at), interval '0') end;
end;
$$;
