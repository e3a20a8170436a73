create or replace function _pause_reason(p_scope text, p_target text, p_reason text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The sentence that tells people which pause a step or message waits for.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return concat('paused: ', p_scope, ' ', p_target, ': ' || p_reason);
end;
$$;
