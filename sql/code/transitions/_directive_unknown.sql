create or replace function _directive_unknown(p_sd_id text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The refusal of a directive that is not there.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _refusal('OPS_012', format('there is no directive %s', quote_nullable(p_sd_id)),
                  'Give an id or sd_key of strategic_directives.', jsonb_build_object('sd_id', p_sd_id));
end;
$$;
