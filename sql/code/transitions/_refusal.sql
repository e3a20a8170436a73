create or replace function _refusal(p_code text, p_error text, p_hint text, p_detail jsonb default '{}')
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The answer to a caller whose request was refused: the code, a sentence, what can be done, and the values.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object('success', false, 'code', p_code, 'error', p_error, 'hint', p_hint, 'detail', p_detail);
end;
$$;
