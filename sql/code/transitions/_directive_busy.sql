create or replace function _directive_busy(p_sd_id text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The refusal of a directive that another transaction is changing.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _refusal('OPS_070', format('directive %s is being changed by another session right now', p_sd_id),
                  'Nothing was changed. Try again when that session has committed.',
                  jsonb_build_object('sd_id', p_sd_id));
end;
$$;
