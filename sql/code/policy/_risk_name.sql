create or replace function _risk_name(p_risk smallint)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The word for a risk of 1 to 3: low, medium, high.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (_risk_levels())[p_risk];
end;
$$;
