create or replace function _cycle_faults(p_keys text[], p_from integer[], p_to integer[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- A fault for every set of steps that wait for each other, naming one cycle of it: steps: cycle a → b → a.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_next integer[] := array_fill(0, array[cardinality(p_keys)]);
  v_knots integer[] := '{}'::integer[];
  v_edge record;
  v_at integer;
  v_to integer;
  v_way integer[];
begin
  for v_edge in
    with ordered as materialized (
      select o.node, o.component from _dependency_order(cardinality(p_keys), p_from, p_to) o
    )
    select e.f, e.t, row_number() over (partition by f.component order by e.f, e.t) = 1 as is_first
      from unnest(p_from, p_to) e (f, t)
      join ordered f on f.node = e.f
      join ordered t on t.node = e.t and t.component = f.component
     order by e.f, e.t
  loop
    v_next[v_edge.f] := v_edge.t;
    if v_edge.is_first then
      v_knots := v_knots || v_edge.f;
    end if;
  end loop;

  foreach v_at in array v_knots loop
    v_way := '{}'::integer[];
    while v_next[v_at] > 0 loop
      v_way := v_way || v_at;
      v_to := v_next[v_at];
      v_next[v_at] := 0;
      v_at := v_to;
    end loop;
    -- The path may have begun outside of the cycle: the cycle begins at the step where the path returned.
    v_way := v_way[array_position(v_way, v_at):] || v_at;
    v_faults := v_faults || (
      select 'steps: cycle ' || string_agg(case when w.no = 51 then '…' else p_keys[w.node] end, ' → ' order by w.no)
             || ', each waits for the next'
        from unnest(v_way) with ordinality w (node, no)
       where w.no <= 51);
  end loop;
  return v_faults;
end;
$$;
