create or replace function _template_steps(p_templates jsonb[])
returns ops_template_step[]
language plpgsql
immutable
set search_path from current
as $$
-- The steps of sound templates, in order, with the defaults filled in: key step_1…, executor as kind, after the step
-- before it. Null where a template leaves a setting to policy. A template that is null has none.
-- Locks: none. Writes: nothing. Raises: nothing for sound templates.
declare
  v_found ops_template_step[] := '{}'::ops_template_step[];
  v_steps jsonb;
  v_step jsonb;
  v_count integer;
  v_in_a_row boolean;
  v_needs text[];
  v_unblocks text[];
begin
  for v_no in 1 .. cardinality(p_templates) loop
    continue when p_templates[v_no] is null;
    v_steps := p_templates[v_no] -> 'steps';
    v_count := jsonb_array_length(v_steps);
    v_in_a_row := strpos(v_steps::text, '"depends_on"') = 0;
    if not v_in_a_row then
      -- Arrays of arrays cannot be of different lengths: each is kept as text until its step is made.
      with edge as materialized (
        select e.pos, e.item, e.depends_pos
          from _dependency_edges(v_steps, array(select coalesce(s ->> 'key', 'step_' || o)
                                                  from jsonb_array_elements(v_steps) with ordinality s (s, o))) e
      )
      select array_agg(coalesce(n.places, '{}')::text order by p.pos), array_agg(coalesce(u.places, '{}')::text order by p.pos)
        into v_needs, v_unblocks
        from generate_series(1, v_count) p (pos)
        left join (select e.pos, array_agg(e.depends_pos order by e.item) as places from edge e group by 1) n using (pos)
        left join (select e.depends_pos as pos, array_agg(e.pos) as places from edge e group by 1) u using (pos);
    end if;

    for v_pos in 1 .. v_count loop
      v_step := v_steps -> (v_pos - 1);
      v_found := array_append(v_found, row(
        v_no, v_pos,
        coalesce(v_step ->> 'key', 'step_' || v_pos),
        v_step ->> 'kind',
        coalesce(v_step ->> 'executor', v_step ->> 'kind'),
        coalesce(nullif(v_step -> 'params', 'null'), '{}'),
        case when not v_in_a_row then v_needs[v_pos]::integer[] when v_pos > 1 then array[v_pos - 1] else '{}' end,
        case when not v_in_a_row then v_unblocks[v_pos]::integer[] when v_pos < v_count then array[v_pos + 1] else '{}' end,
        (v_step ->> 'max_retries')::integer,
        (v_step ->> 'timeout_seconds')::integer,
        coalesce(v_step ->> 'on_failure', 'fail'),
        v_step ->> 'on_lease_lost')::ops_template_step);
    end loop;
  end loop;
  return v_found;
end;
$$;
