create or replace function _propose(
  p_templates text[],
  p_sources text[],
  p_dedupe_keys text[],
  out ids uuid[],
  out statuses text[],
  out mission_ids uuid[],
  out reasons text[]
)
language plpgsql
set search_path from current
as $$
-- Checks, gates and stores what a caller proposes: all of it or, when one template is faulty, nothing. Templates come
-- as text; equal texts are one template, which is judged once however often the batch has it.
-- Locks: the unique index of dedupe_key, cap counters by source. Writes: ops_mission_proposals, ops_cap_counters, and
-- missions and steps for what policy approves. Raises: OP004 with every fault, OP018 for a bad source or dedupe_key,
-- OP045 for a template that is too large.
declare
  v_bad bigint;
  v_templates jsonb[];
  v_places integer[];
  v_which integer[];
  v_filled boolean;
  v_found text[];
  v_faults text[] := '{}'::text[];
  v_slots jsonb[] := '{}'::jsonb[];
  v_made record;
begin
  select min(n.ord) into v_bad
    from unnest(p_sources, p_dedupe_keys) with ordinality n (source, key, ord)
   where length(n.source) not between 1 and 200 or n.source like any (_reserved_names('source'))
      or length(n.key) not between 1 and 1000 or octet_length(n.key) > 2600
      or n.key like any (_reserved_names('key'));
  if v_bad is not null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: proposals[%s] has a source or a dedupe_key that cannot be', v_bad - 1),
      detail = left(jsonb_build_object('source', p_sources[v_bad], 'dedupe_key', p_dedupe_keys[v_bad])::text, 500),
      hint = 'source: text of 1 to 200 characters, not trigger, step:* or schedule:*, dedupe_key: of 1 to 1000 (2,600 '
             'bytes), not beginning with opsloop: or schedule:. Nothing was proposed.';
  end if;

  -- Mostly all templates of a batch are equal.
  if p_templates[1] = all (p_templates) then
    v_templates := array[p_templates[1]::jsonb];
    v_places := array[1];
    v_which := array_fill(1, array[cardinality(p_templates)]);
  else
    with given as materialized (
      select g.template, g.ord from unnest(p_templates) with ordinality g (template, ord)
    ), template as materialized (
      select g.template, min(g.ord) as place, row_number() over (order by min(g.ord)) as no
        from given g group by g.template
    )
    select (select array_agg(t.template::jsonb order by t.no) from template t),
           (select array_agg(t.place order by t.no) from template t),
           (select array_agg(t.no order by g.ord) from given g join template t on t.template = g.template)
      into v_templates, v_places, v_which;
  end if;

  for n in 1 .. cardinality(v_templates) loop
    exit when cardinality(v_faults) > 1000;
    v_filled := strpos(v_templates[n]::text, '{{') > 0;
    perform _check_template(
      case when cardinality(v_which) > 1 then format('proposals[%s].template', v_places[n] - 1) else 'p_template' end,
      v_templates[n], 'template_bytes');
    v_found := _template_faults(v_templates[n], false);
    if v_found <> '{}' then
      v_faults := v_faults || array(
        select format(case when cardinality(v_which) > 1 then 'proposals[%s].%s' else '%2$s' end, v_places[n] - 1, f)
          from unnest(v_found) f);
    else
      v_slots[n] := case when v_filled then _template_slots(v_templates[n]) else '[]' end;
    end if;
  end loop;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Nothing was proposed. Mend every fault listed in the detail and propose again.';
  end if;

  v_made := _create_proposals(v_templates, v_slots, v_which, p_sources, p_dedupe_keys, null, null, null, null, null);
  ids := v_made.ids;
  statuses := v_made.statuses;
  mission_ids := v_made.mission_ids;
  reasons := v_made.reasons;
end;
$$;
