create or replace function _dependency_edges(p_steps jsonb, p_keys text[])
returns table (pos integer, item integer, name text, depends_pos integer)
language plpgsql
immutable
set search_path from current
as $$
-- The dependencies of a template's steps: one row for each name in a depends_on (item: its position there, from 1), or
-- one row for the step before it (item null) where there is no depends_on. depends_pos is null for a name that no step
-- has.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with step as (
    select e.pos::integer as pos, e.step,
           jsonb_typeof(case jsonb_typeof(e.step) when 'object' then e.step -> 'depends_on' end) = 'array' as is_given
      from jsonb_array_elements(p_steps) with ordinality e (step, pos)
  ), named as (
    select s.pos, d.item::integer as item, d.name
      from step s
     cross join lateral jsonb_array_elements_text(case when s.is_given then s.step -> 'depends_on' else '[]' end)
           with ordinality d (name, item)
  ), known as (
    select k.key, min(k.pos)::integer as pos from unnest(p_keys) with ordinality k (key, pos) group by k.key
  )
  select n.pos, n.item, n.name, k.pos from named n left join known k on k.key = n.name
  union all
  select s.pos, null, p_keys[s.pos - 1], s.pos - 1 from step s where s.pos > 1 and s.is_given is not true;
end;
$$;
