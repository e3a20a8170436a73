create or replace function fn_propose_for_step(p_step_id uuid, p_lease_token uuid, p_templates jsonb)
returns table (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Proposes what a running step wants done next, in the transaction of the worker that holds its lease, and gates it.
-- The templates must be exact: placeholders are refused, as the text that wrote them is data. The proposals are one
-- cause deeper than the mission, and their event, step:proposed, leads back to it, and to those who proposed it. A step
-- proposes once: a second call gets the same proposals.
-- Locks: the step, FOR KEY SHARE, the unique index of dedupe_key, cap counters. Writes: ops_agent_events, ops_ready,
-- ops_mission_proposals, ops_cap_counters, and missions and steps for what policy approves. Raises: OP003 when causes
-- are too deep, OP004 with every fault of the templates, OP006 when the lease is lost, OP045 for what is too large.
declare
  v_most constant integer := 20;
  v_max_depth constant integer := 5;
  v_key constant text := format('opsloop:step:%s', p_step_id);
  v_count integer;
  v_step record;
  v_templates jsonb[];
  v_faults text[];
  v_event_id uuid;
  v_made record;
begin
  perform fn_assert_lease(p_step_id, p_lease_token);
  if exists (select from ops_mission_proposals p where p.dedupe_key = v_key || ':1') then
    return query
    select n.ord, p.id, p.status, m.id, p.reason
      from generate_series(1::bigint, v_most) n (ord)
      join ops_mission_proposals p on p.dedupe_key = format('%s:%s', v_key, n.ord)
      left join ops_missions m on m.proposal_id = p.id
     order by n.ord;
    return;
  end if;

  select s.key, s.mission_id, coalesce('agent:' || (s.params ->> 'role'), 'step:' || s.executor) as source,
    m.depth + 1 as depth
    into v_step
    from ops_mission_steps s
    join ops_missions m on m.id = s.mission_id
   where s.id = p_step_id;
  if v_step.depth > v_max_depth then
    raise exception using errcode = 'OP003',
      message = format('OPS_003: this mission is %s causes deep; its steps may not propose more', v_step.depth - 1),
      detail = jsonb_build_object('step_id', p_step_id, 'depth', v_step.depth, 'max_depth', v_max_depth)::text,
      hint = 'Let a person propose it: what proposes its own next mission for ever has to come to an end.';
  end if;

  v_count := case jsonb_typeof(p_templates) when 'array' then jsonb_array_length(p_templates) else 0 end;
  if v_count not between 1 and v_most then
    v_faults := array[format('proposals: must be an array of 1 to %s templates', v_most)];
  else
    perform _check_batch('p_templates', p_templates);
    perform _check_template(format('p_templates[%s]', e.n - 1), e.t, 'template_bytes')
       from jsonb_array_elements(p_templates) with ordinality e (t, n);
    v_templates := array(select t from jsonb_array_elements(p_templates) with ordinality e (t, n) order by n);
    v_faults := array(
      select format('proposals[%s].%s', n - 1, f)
        from unnest(v_templates) with ordinality t (template, n)
       cross join lateral unnest(
         _template_faults(t.template, false)
         || case when strpos(t.template::text, '{{') > 0
           then array[text 'steps: {{ may not occur: write out what is to run'] end) f
       order by n);
  end if;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Nothing was proposed. Mend every fault listed in the detail and propose again.';
  end if;

  v_event_id := (_emit_events(
    array['step:proposed'],
    array[jsonb_build_object('step_id', p_step_id, 'key', v_step.key, 'source', v_step.source, 'proposals', v_count)],
    array[null::text], array[v_step.mission_id], _acting_login()))[1];
  v_made := _create_proposals(
    v_templates, array_fill('[]'::jsonb, array[v_count]), array(select generate_series(1, v_count)),
    array_fill(v_step.source, array[v_count]),
      array(select format('%s:%s', v_key, n) from generate_series(1, v_count) n),
    array_fill(v_event_id, array[v_count]), null, array_fill(v_step.depth, array[v_count]),
    array_fill(_acting_login(), array[v_count]),
    array_fill((select e.proposers::text from _event_proposers(array[v_event_id]) e), array[v_count]));
  return query
  select u.ord, u.id, u.status, u.mission_id, u.reason
    from unnest(v_made.ids, v_made.statuses, v_made.mission_ids, v_made.reasons)
         with ordinality u (id, status, mission_id, reason, ord);
end;
$$;
comment on function fn_propose_for_step(uuid, uuid, jsonb) is
  'Proposes 1 to 20 templates for the step that holds this lease, in the caller''s transaction; a step proposes once, '
  'and gets the same answer again. One row per proposal, in order. OPS_003 when causes are too deep, OPS_004 with '
  'every fault, placeholders among them, OPS_006 when the lease is lost, OPS_045 for what is too '
  'large.';
