create or replace function _gate_applicability_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a gate_applicability document that its schema does not find. Names of types and gates count without
-- regard to case, so two that differ in nothing else would hide one another.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    select format('%s: stands there more than once, in other letters', n.name)
      from (select 'matrix.' || lower(left(t.key, 80)) as name, 1 as level
              from jsonb_each(case jsonb_typeof(p_value -> 'matrix') when 'object' then p_value -> 'matrix' else '{}'
                              end) t
             group by lower(left(t.key, 80)) having count(*) > 1
            union all
            select format('matrix.%s.%s', left(t.key, 80), lower(left(g.key, 80))), 2
              from jsonb_each(case jsonb_typeof(p_value -> 'matrix') when 'object' then p_value -> 'matrix' else '{}'
                              end) t
             cross join lateral jsonb_each(case jsonb_typeof(t.value) when 'object' then t.value else '{}' end) g
             group by t.key, lower(left(g.key, 80)) having count(*) > 1) n
     order by n.level, n.name
     limit 1001);
end;
$$;
