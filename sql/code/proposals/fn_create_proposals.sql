create or replace function fn_create_proposals(p_proposals jsonb)
returns table (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Proposes a batch and gates it, in the caller's transaction: all of it or, when one template is faulty, nothing.
-- Locks: the unique index of dedupe_key, cap counters by source. Writes: ops_mission_proposals, ops_cap_counters, and
-- missions and steps for what policy approves. Raises: OP004 with every fault, OP018 for a batch that is no array and for a bad source or dedupe_key.
declare
  v_are_bad boolean[];
  v_bad integer;
  v_texts text[];
  v_sources text[];
  v_keys text[];
  v_templates jsonb[];
  v_places integer[];
  v_which integer[];
  v_found text[];
  v_faults text[] := '{}'::text[];
  v_slots jsonb[] := '{}'::jsonb[];
  v_made record;
  v_ids uuid[];
  v_statuses text[];
  v_mission_ids uuid[];
  v_reasons text[];
begin
  if jsonb_typeof(p_proposals) is distinct from 'array' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_proposals must be an array of proposals',
      detail = format('got: %s', left(p_proposals::text, 200)),
      hint = 'Give [{"template": {…}, "source": "…", "dedupe_key": "…"}].';
  end if;

  select array_agg(coalesce(e.p -> 'template', 'null')::text), array_agg(coalesce(e.p ->> 'source', 'manual')),
         array_agg(e.p ->> 'dedupe_key'),
         array_agg(case when jsonb_typeof(e.p) = 'object' and e.p - 'template' <> '{}' then
                     e.p - array['template', 'source', 'dedupe_key'] <> '{}'
                     or jsonb_typeof(e.p -> 'source') not in ('string', 'null')
                     or length(e.p ->> 'source') not between 1 and 200
                     or e.p ->> 'source' = 'trigger' or e.p ->> 'source' like 'step:%'
                     or jsonb_typeof(e.p -> 'dedupe_key') not in ('string', 'null')
                     or length(e.p ->> 'dedupe_key') not between 1 and 1000
                     or e.p ->> 'dedupe_key' like 'opsloop:%' end)
    into v_texts, v_sources, v_keys, v_are_bad
    from jsonb_array_elements(p_proposals) e (p);
  v_bad := array_position(v_are_bad, true);
  if v_bad is not null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: proposals[%s] has a source or a dedupe_key that cannot be, or an unknown field', v_bad - 1),
      detail = left((p_proposals -> (v_bad - 1)) - 'template' #>> '{}', 500),
      hint = 'template, source: text of 1 to 200 characters, not trigger or step:*, dedupe_key: of 1 to 1000, not beginning with opsloop:; no other fields. Nothing was proposed.';
  end if;

  if v_texts is null then
    return;
  end if;

  -- What is the same text is one template, worked through once however often it stands in the batch; mostly all are one.
  if v_texts[1] = all (v_texts) then
    v_templates := array[v_texts[1]::jsonb];
    v_places := array[1];
    v_which := array_fill(1, array[cardinality(v_texts)]);
  else
    with given as materialized (
      select g.template, g.ord from unnest(v_texts) with ordinality g (template, ord)
    ), template as materialized (
      select g.template, min(g.ord) as place, row_number() over (order by min(g.ord)) as no from given g group by g.template
    )
    select (select array_agg(t.template::jsonb order by t.no) from template t),
           (select array_agg(t.place order by t.no) from template t),
           (select array_agg(t.no order by g.ord) from given g join template t on t.template = g.template)
      into v_templates, v_places, v_which;
  end if;

  for n in 1 .. cardinality(v_templates) loop
    v_found := _template_faults(v_templates[n], false);
    if v_found <> '{}' then
      v_faults := v_faults || array(
        select format(case when cardinality(v_which) > 1 then 'proposals[%s].%s' else '%2$s' end, v_places[n] - 1, f)
          from unnest(v_found) f);
    else
      v_slots[n] := _template_slots(v_templates[n]);
    end if;
  end loop;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(v_faults)::text,
      hint = 'Nothing was proposed. Mend every fault listed in the detail and propose again.';
  end if;

  v_made := _create_proposals(v_templates, v_slots, v_which, v_sources, v_keys, null, null, null, null);
  v_ids := v_made.ids;
  v_statuses := v_made.statuses;
  v_mission_ids := v_made.mission_ids;
  v_reasons := v_made.reasons;
  return query
  select i, v_ids[i], v_statuses[i], v_mission_ids[i], v_reasons[i]
    from generate_series(1::bigint, cardinality(v_ids)) i;
end;
$$;
comment on function fn_create_proposals(jsonb) is
  'Proposes a batch [{"template", "source", "dedupe_key"}] and gates it in the caller''s transaction. One row per proposal, in order: what became of it and why. OPS_004 names every fault of every template and proposes nothing. OPS_018 for a bad source or dedupe_key.';
