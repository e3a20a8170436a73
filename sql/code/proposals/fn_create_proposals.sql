create or replace function fn_create_proposals(p_proposals jsonb)
returns table (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
-- Proposes a batch and gates it, in the caller's transaction: all of it or, when one template is faulty, nothing.
-- Locks: the unique index of dedupe_key, cap counters by source. Writes: ops_mission_proposals, ops_cap_counters, and
-- missions and steps for what policy approves. Raises: OP004 with every fault, OP018 for a batch that is no array and for a bad source or dedupe_key.
declare
  v_bad bigint;
  v_faults text[];
  v_sound jsonb;
  v_ids uuid[];
begin
  if jsonb_typeof(p_proposals) is distinct from 'array' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_proposals must be an array of proposals',
      detail = format('got: %s', left(p_proposals::text, 200)),
      hint = 'Give [{"template": {…}, "source": "…", "dedupe_key": "…"}].';
  end if;

  select min(e.ord) into v_bad
    from jsonb_array_elements(p_proposals) with ordinality e (p, ord)
   where case jsonb_typeof(e.p) when 'object' then e.p - array['template', 'source', 'dedupe_key'] <> '{}' end
      or jsonb_typeof(e.p -> 'source') not in ('string', 'null') or length(e.p ->> 'source') not between 1 and 200
      or jsonb_typeof(e.p -> 'dedupe_key') not in ('string', 'null') or length(e.p ->> 'dedupe_key') not between 1 and 1000;
  if v_bad is not null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: proposals[%s] has a source or a dedupe_key that cannot be, or an unknown field', v_bad - 1),
      detail = left((p_proposals -> (v_bad - 1)::integer) - 'template' #>> '{}', 500),
      hint = 'template, source: text of 1 to 200 characters, dedupe_key: of 1 to 1000; no other fields. Nothing was proposed.';
  end if;

  -- A template that stands in the batch a thousand times is checked once.
  select array_agg(format(case when jsonb_array_length(p_proposals) > 1 then 'proposals[%s].%s' else '%2$s' end,
                          t.ord - 1, f) order by t.ord)
    into v_faults
    from (select e.p -> 'template' as template, min(e.ord) as ord
            from jsonb_array_elements(p_proposals) with ordinality e (p, ord)
           group by 1) t
   cross join lateral unnest(_template_faults(t.template, false)) f;
  if v_faults is not null then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(v_faults)::text,
      hint = 'Nothing was proposed. Mend every fault listed in the detail and propose again.';
  end if;

  select jsonb_agg(jsonb_build_object(
           'template', e.p -> 'template', 'slots', _template_slots(e.p -> 'template'),
           'source', coalesce(e.p ->> 'source', 'manual'), 'dedupe_key', e.p ->> 'dedupe_key') order by e.ord)
    into v_sound
    from jsonb_array_elements(p_proposals) with ordinality e (p, ord);
  if v_sound is null then
    return;
  end if;
  -- In a statement of its own: the rows it makes are not visible to the one that calls it.
  select array_agg(c.proposal_id order by c.ord) into v_ids from _create_proposals(v_sound) c;
  return query
  select c.ord, p.id, p.status, m.id, p.reason
    from unnest(v_ids) with ordinality c (id, ord)
    join ops_mission_proposals p on p.id = c.id
    left join ops_missions m on m.proposal_id = p.id
   order by c.ord;
end;
$$;
comment on function fn_create_proposals(jsonb) is
  'Proposes a batch [{"template", "source", "dedupe_key"}] and gates it in the caller''s transaction. One row per proposal, in order: what became of it and why. OPS_004 names every fault of every template and proposes nothing. OPS_018 for a bad source or dedupe_key.';
