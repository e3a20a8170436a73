create or replace function _template_steps(p_templates jsonb[])
returns ops_template_step[]
language plpgsql
immutable
set search_path from current
as $$
-- The steps of sound templates, in order, with their defaults: key step_1…, executor as kind, depends_on the step
-- before. Params are as they are run. Fields that a template leaves to policy are null. A template that is null has no
-- steps.
-- Locks: none. Writes: nothing. Raises: nothing for sound templates.
declare
  v_found ops_template_step[] := '{}'::ops_template_step[];
  v_in_a_row constant boolean := strpos(array_to_string(p_templates, ''), '"depends_on"') = 0;
  v_needs text[];
  v_unblocks text[];
  v_steps jsonb;
  v_step jsonb;
  v_run_after jsonb;
  v_on_turn jsonb;
  v_count integer;
  v_place integer := 0;
begin
  if not v_in_a_row then
    -- As text, until the step is made: the rows of an array of arrays must have one length.
    with edge as materialized (
      select t.no, e.pos, e.item, e.depends_pos
        from unnest(p_templates) with ordinality t (template, no)
       cross join lateral (select array_agg(coalesce(s ->> 'key', 'step_' || o::text) order by o) as keys
                             from jsonb_array_elements(t.template -> 'steps') with ordinality s (s, o)) k
       cross join lateral _dependency_edges(t.template -> 'steps', k.keys) e
    )
    select array_agg(coalesce(n.places, '{}')::text order by t.no, p.pos),
           array_agg(coalesce(u.places, '{}')::text order by t.no, p.pos)
      into v_needs, v_unblocks
      from unnest(p_templates) with ordinality t (template, no)
     cross join lateral generate_series(1, jsonb_array_length(t.template -> 'steps')) p (pos)
      left join (select e.no, e.pos, array_agg(e.depends_pos order by e.item) as places from edge e group by 1, 2) n
        on n.no = t.no and n.pos = p.pos
      left join (select e.no, e.depends_pos as pos, array_agg(e.pos) as places from edge e group by 1, 2) u
        on u.no = t.no and u.pos = p.pos;
  end if;

  for v_no in 1 .. cardinality(p_templates) loop
    continue when p_templates[v_no] is null;
    v_steps := p_templates[v_no] -> 'steps';
    v_run_after := nullif(p_templates[v_no] -> 'run_after', 'null');
    v_count := jsonb_array_length(v_steps);
    for v_pos in 1 .. v_count loop
      v_step := v_steps -> (v_pos - 1);
      v_place := v_place + 1;
      v_on_turn := case when v_step ->> 'kind' not in ('wait', 'mission') then null
                        when v_step #>> '{params,since}' = 'mission' then '{"listens": true}'::jsonb
                        else '{}' end;
      if v_step -> 'for_each' <> 'null' then
        v_on_turn := coalesce(v_on_turn, '{}') || jsonb_build_object('for_each', v_step -> 'for_each');
      end if;
      if v_run_after is not null and (case when v_in_a_row then v_pos = 1 else v_needs[v_place] = '{}' end)
         or v_step ? 'run_after' then
        v_on_turn := coalesce(v_on_turn, '{}') || jsonb_build_object(
          'run_after', jsonb_path_query_array(jsonb_build_array(
          case when v_in_a_row and v_pos = 1 or v_needs[v_place] = '{}' then v_run_after end,
          v_step -> 'run_after'), '$[*] ? (@ != null)'));
      end if;
      v_found := array_append(v_found, row(
        v_no, v_pos,
        coalesce(v_step ->> 'key', 'step_' || v_pos::text),
        v_step ->> 'kind',
        coalesce(v_step ->> 'executor', v_step ->> 'kind'),
        _as_run(coalesce(v_step ->> 'executor', v_step ->> 'kind'), coalesce(nullif(v_step -> 'params', 'null'), '{}')),
        case when not v_in_a_row then v_needs[v_place]::integer[] when v_pos > 1 then array[v_pos - 1] else '{}' end,
        case when not v_in_a_row then v_unblocks[v_place]::integer[]
             when v_pos < v_count then array[v_pos + 1] else '{}' end,
        (v_step ->> 'max_retries')::integer,
        (v_step ->> 'timeout_seconds')::integer,
        coalesce(v_step ->> 'on_failure', 'fail'),
        v_step ->> 'on_lease_lost',
        v_step ->> 'kind' = 'approval' or coalesce((v_step ->> 'needs_approval')::boolean, false),
        v_on_turn)::ops_template_step);
    end loop;
  end loop;
  return v_found;
end;
$$;
