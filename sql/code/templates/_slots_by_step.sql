create or replace function _slots_by_step(p_slots jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The slots of a template by step, {"1": [{"path", "segments"}]}: the key is the position of the step, paths are
-- relative to its params. p_slots has paths from the root of the template: steps, <index>, params, …
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select jsonb_object_agg(g.pos, g.slots)
            from (select (s #>> '{path,1}')::integer + 1 as pos,
                         jsonb_agg(jsonb_set(s, '{path}', ((s -> 'path') - 0) - 0 - 0)) as slots
                    from jsonb_array_elements(p_slots) s
                   where s #>> '{path,0}' = 'steps' and s #>> '{path,2}' = 'params'
                   group by 1) g);
end;
$$;
