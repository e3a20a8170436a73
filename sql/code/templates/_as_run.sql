create or replace function _as_run(p_executor text, p_params jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- Params as their executor gets them: the numbers and booleans in the argv of a command become the texts that the
-- program receives, so that policy judges those and no worker spells them anew. A value that can be no argument stays,
-- to be refused.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_executor <> 'command' or jsonb_typeof(p_params -> 'argv') is distinct from 'array'
     or not jsonb_path_exists(p_params -> 'argv', 'strict $[*] ? (@.type() == "number" || @.type() == "boolean")')
  then
    return p_params;
  end if;
  return jsonb_set(p_params, '{argv}', (
    select jsonb_agg(coalesce(to_jsonb(_argument_text(a.value)), a.value) order by a.ordinality)
      from jsonb_array_elements(p_params -> 'argv') with ordinality a));
end;
$$;
