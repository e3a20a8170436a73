create or replace function _dependency_faults(p_steps jsonb, p_keys text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of the depends_on lists of a template's steps: names that no step has, names listed twice, cycles.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[];
  v_from integer[];
  v_to integer[];
  v_backwards boolean;
begin
  with edge as materialized (
    select e.pos, e.item, e.name, e.depends_pos,
           e.item is not null and row_number() over (partition by e.pos, e.name order by e.item) = 2 as is_double
      from _dependency_edges(p_steps, p_keys) e
  )
  select array_agg(format(case when e.is_double then 'steps[%s].depends_on: %L is listed twice'
                               else 'steps[%s].depends_on: %L is not a step of this template' end, e.pos - 1, e.name)
                   order by e.pos, e.item) filter (where e.is_double or e.depends_pos is null),
         array_agg(e.pos) filter (where e.depends_pos is not null),
         array_agg(e.depends_pos) filter (where e.depends_pos is not null),
         bool_and(e.depends_pos < e.pos) filter (where e.depends_pos is not null)
    into v_faults, v_from, v_to, v_backwards
    from edge e;
  -- No cycle is possible where every step waits for earlier ones only.
  if not v_backwards then
    v_faults := v_faults || _cycle_faults(p_keys, v_from, v_to);
  end if;
  return coalesce(v_faults, '{}');
end;
$$;
