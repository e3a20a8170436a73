create or replace function _step_slots(p_slots jsonb, p_pos integer)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The slots of one step of a template, their paths relative to the step; null for none. p_slots has paths from the root
-- of the template: steps, <index>, params, …
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select jsonb_agg(jsonb_set(s, '{path}', ((s -> 'path') - 0) - 0))
            from jsonb_array_elements(p_slots) s
           where s #>> '{path,0}' = 'steps' and s #>> '{path,1}' = (p_pos - 1)::text);
end;
$$;
