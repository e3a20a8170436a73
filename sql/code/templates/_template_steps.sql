create or replace function _template_steps(p_templates jsonb[])
returns table (no integer, pos integer, key text, kind text, executor text, params jsonb, needs integer[],
               unblocks integer[], max_retries integer, timeout_seconds integer, on_failure text, on_lease_lost text)
language plpgsql
immutable
set search_path from current
as $$
-- The steps of sound templates with the defaults filled in: key step_1…, executor as kind, after the step before it.
-- Null where a template leaves a setting to policy. no: the place of the template in p_templates. needs, unblocks: the
-- places of the steps of the same template that it waits for and that wait for it.
-- Locks: none. Writes: nothing. Raises: nothing for sound templates.
declare
  v_steps jsonb;
  v_step jsonb;
  v_count integer;
  v_in_a_row boolean;
  v_needs text[];
  v_unblocks text[];
begin
  for v_no in 1 .. cardinality(p_templates) loop
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
      select array_agg(n.places::text order by p.pos), array_agg(u.places::text order by p.pos)
        into v_needs, v_unblocks
        from generate_series(1, v_count) p (pos)
        left join (select e.pos, array_agg(e.depends_pos order by e.item) as places from edge e group by 1) n using (pos)
        left join (select e.depends_pos as pos, array_agg(e.pos) as places from edge e group by 1) u using (pos);
    end if;

    no := v_no;
    for v_pos in 1 .. v_count loop
      v_step := v_steps -> (v_pos - 1);
      pos := v_pos;
      key := coalesce(v_step ->> 'key', 'step_' || v_pos);
      kind := v_step ->> 'kind';
      executor := coalesce(v_step ->> 'executor', kind);
      params := coalesce(nullif(v_step -> 'params', 'null'), '{}');
      if v_in_a_row then
        needs := case when v_pos > 1 then array[v_pos - 1] else '{}' end;
        unblocks := case when v_pos < v_count then array[v_pos + 1] else '{}' end;
      else
        needs := coalesce(v_needs[v_pos]::integer[], '{}');
        unblocks := coalesce(v_unblocks[v_pos]::integer[], '{}');
      end if;
      max_retries := (v_step ->> 'max_retries')::integer;
      timeout_seconds := (v_step ->> 'timeout_seconds')::integer;
      on_failure := coalesce(v_step ->> 'on_failure', 'fail');
      on_lease_lost := v_step ->> 'on_lease_lost';
      return next;
    end loop;
  end loop;
end;
$$;
