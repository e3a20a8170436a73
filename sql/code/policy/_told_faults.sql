create or replace function _told_faults(p_faults text[])
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- The faults that an error tells: the first size_limits.faults of them, and that there are more. The routines that look
-- for faults stop after the first thousand.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_most constant integer := (_size_limits() ->> 'faults')::integer;
begin
  return case when cardinality(p_faults) <= v_most then p_faults
              else p_faults[:v_most] || text 'and more, which are not told' end;
end;
$$;
