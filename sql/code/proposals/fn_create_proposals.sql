create or replace function fn_create_proposals(p_proposals jsonb)
returns table (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
set lock_timeout = '2s'
as $$
-- Proposes a batch and gates it, in the caller's transaction: all of it or, when one template is faulty, nothing.
-- Locks: the unique index of dedupe_key, cap counters by source. Writes: ops_mission_proposals, ops_cap_counters, and
-- missions and steps for what policy approves. Raises: OP004 with every fault, OP018 for a batch that is no array of
-- proposals and for a bad source or dedupe_key, OP045 for what is too large.
declare
  v_bad bigint;
  v_templates text[];
  v_sources text[];
  v_keys text[];
  v_made record;
begin
  if jsonb_typeof(p_proposals) is distinct from 'array' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_proposals must be an array of proposals',
      detail = format('got: %s', left(p_proposals::text, 200)),
      hint = 'Give [{"template": {…}, "source": "…", "dedupe_key": "…"}].';
  end if;
  perform _check_batch('p_proposals', p_proposals);
  select array_agg(coalesce(e.p -> 'template', 'null')::text), array_agg(coalesce(e.p ->> 'source', 'manual')),
         array_agg(e.p ->> 'dedupe_key'),
         min(e.ord) filter (where jsonb_typeof(e.p) = 'object' and e.p - 'template' <> '{}'
                              and (e.p - array['template', 'source', 'dedupe_key'] <> '{}'
                                   or jsonb_typeof(e.p -> 'source') not in ('string', 'null')
                                   or jsonb_typeof(e.p -> 'dedupe_key') not in ('string', 'null')))
    into v_templates, v_sources, v_keys, v_bad
    from jsonb_array_elements(p_proposals) with ordinality e (p, ord);
  if v_bad is not null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: proposals[%s] has an unknown field, or a source or dedupe_key that is no text',
                       v_bad - 1),
      detail = left((p_proposals -> (v_bad - 1)::integer) - 'template' #>> '{}', 500),
      hint = 'template, source and dedupe_key; no other fields. Nothing was proposed.';
  end if;
  if v_templates is null then
    return;
  end if;

  v_made := _propose(v_templates, v_sources, v_keys);
  return query
  select n.ord, n.id, n.status, n.mission_id, n.reason
    from unnest(v_made.ids, v_made.statuses, v_made.mission_ids, v_made.reasons)
         with ordinality n (id, status, mission_id, reason, ord);
end;
$$;
comment on function fn_create_proposals(jsonb) is
  'Proposes a batch [{"template", "source", "dedupe_key"}] and gates it in the caller''s transaction. One row per '
  'proposal, in order: its outcome and the reason. OPS_004 names every fault of every template and proposes nothing. '
  'OPS_018 for a bad source or dedupe_key, OPS_045 for what is too large.';
