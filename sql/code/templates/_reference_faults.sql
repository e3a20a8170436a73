create or replace function _reference_faults(p_steps jsonb, p_keys text[], p_pos integer[], p_refers_to text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- A fault for every step at p_pos[i] that refers to the result of a step p_refers_to[i] which does not exist, or need
-- not have ended before it. The set of steps before each step is a bit string, so that the cost grows with the number
-- of steps and dependencies.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_count constant integer := cardinality(p_keys);
  v_none constant varbit := repeat('0', v_count)::varbit;
  v_before varbit[] := array_fill(v_none, array[v_count]);
  v_from integer[];
  v_to integer[];
  v_forwards boolean;
  v_is_cyclic boolean := false;
  v_node record;
  v_bits varbit;
  v_dep integer;
begin
  select coalesce(array_agg(e.pos), '{}'), coalesce(array_agg(e.depends_pos), '{}'),
         coalesce(bool_or(e.depends_pos >= e.pos), false)
    into v_from, v_to, v_forwards
    from _dependency_edges(p_steps, p_keys) e
   where e.depends_pos is not null;
  if v_forwards then
    select count(distinct o.component) < v_count or bool_or(e.f = e.t)
      into v_is_cyclic
      from _dependency_order(v_count, v_from, v_to) o
      left join unnest(v_from, v_to) e (f, t) on e.f = o.node;
  end if;

  -- A cycle is a fault of its own, and has no order that could be checked.
  if not v_is_cyclic then
    for v_node in
      select e.f, array_agg(e.t) as deps
        from unnest(v_from, v_to) e (f, t)
        left join _dependency_order(case when v_forwards then v_count else 0 end, v_from, v_to)
                  with ordinality o (node, component, no) on o.node = e.f
       group by e.f, o.no
       order by o.no, e.f
    loop
      v_bits := v_none;
      foreach v_dep in array v_node.deps loop
        v_bits := set_bit(v_bits | v_before[v_dep], v_dep - 1, 1);
      end loop;
      v_before[v_node.f] := v_bits;
    end loop;
  end if;

  return coalesce((
    select array_agg(distinct format(
             case when k.pos is null
               then 'steps[%1$s].params: {{steps.%2$s.result}}: %2$L is not a step of this template'
                  else 'steps[%1$s].params: {{steps.%2$s.result}}: %2$L need not have ended before this step; depend '
                       'on it' end,
             r.pos - 1, r.key))
      from unnest(p_pos, p_refers_to) r (pos, key)
      left join (select u.key, min(u.pos)::integer as pos
                 from unnest(p_keys) with ordinality u (key, pos) group by u.key) k
        on k.key = r.key
     where k.pos is null
        or (not v_is_cyclic and get_bit(v_before[r.pos], k.pos - 1) = 0)), '{}');
end;
$$;
