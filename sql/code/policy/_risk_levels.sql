create or replace function _risk_levels()
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The words for risks, lowest first: a risk is the position of its word. Constant: the planner folds the call.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array['low', 'medium', 'high'];
end;
$$;
