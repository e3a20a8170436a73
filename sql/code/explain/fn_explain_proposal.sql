create or replace function fn_explain_proposal(p_proposal_id uuid)
returns table (step_id uuid, key text, status text, reason text, code text, detail text, frees text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Why a proposal is not a mission yet: one row for each reason, step_id null. For a proposal that has become a mission,
-- the reasons of that mission. frees: the complete statement that ends this reason; statements of several rows are run
-- from top to bottom. A rejected proposal stays rejected: the statement proposes the same again, to be gated anew,
-- where its template is as it was written; text that came from an event is never proposed as a template.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an unknown proposal.
declare
  v_schema constant text := quote_ident(current_schema());
  v_documents constant ops_policy_documents := _documents_in_force();
  v_proposal ops_mission_proposals;
  v_mission uuid;
  v_verdict record;
  v_versions text;
  v_votes text;
  v_cap record;
  v_own jsonb;
  v_state jsonb;
begin
  select * into v_proposal from ops_mission_proposals p where p.id = p_proposal_id;
  if not found then
    perform _raise_unknown('proposal', p_proposal_id);
  end if;
  select m.id into v_mission from ops_missions m where m.proposal_id = p_proposal_id;
  if v_mission is not null then
    return query select * from fn_explain_mission(v_mission);
    return;
  end if;

  status := v_proposal.status;
  select string_agg(format('%s version %s', y.key, y.value), ', ' order by y.key)
    into v_versions
    from jsonb_each(v_documents.versions) y;
  v_verdict := _verdicts(array[p_proposal_id], v_documents);

  if v_verdict.codes[1] = 'OPS_016' then
    reason := 'approval';
    code := 'OPS_016';
    detail := 'the template was changed after it was proposed: nobody can approve it; reject it and propose what is '
              'meant';
    return next;
    return;
  end if;
  if v_proposal.status not in ('pending', 'voting') and v_proposal.decided_by is distinct from 'policy' then
    reason := 'ended';
    detail := format('%s by %s%s at %s: %s', v_proposal.status, v_proposal.decided_by,
                     ' (login ' || v_proposal.decided_login || ')',
                     date_trunc('second', v_proposal.updated_at), v_proposal.reason);
    return next;
    return;
  end if;

  if v_verdict.refusals[1] is not null then
    reason := 'policy';
    code := 'OPS_003';
    detail := format('nobody may run this: %s (%s)', v_verdict.refusals[1], v_versions);
    frees := (select _unforbid_statement(array_agg(s.executor order by s.pos), array_agg(s.params order by s.pos),
                                         v_documents.worker_policy)
                from unnest(v_verdict.steps) s);
    return next;
  end if;

  -- Caps are not asked for a proposal that counts already; a rejected one would be proposed anew, now.
  if v_proposal.counted_at is null then
    for v_cap in
      select *
        from _caps_reached(v_documents.proposal_caps, v_proposal.source, _now())
    loop
      v_own := v_documents.proposal_caps -> 'per_source' -> v_proposal.source;
      reason := 'cap';
      code := 'OPS_003';
      detail := format('%s is %s and %s are used; the window ends at %s (%s)', v_cap.name, v_cap.cap, v_cap.used,
                       date_trunc('second', v_cap.window_end), v_versions);
      frees := _policy_statement('proposal_caps', array[
        case when v_cap.source is null then format('%L, %s', v_cap.name, v_cap.used + 1)
             else format('''per_source'', (y.value -> ''per_source'') || jsonb_build_object(%1$L, %2$s || '
                         'jsonb_build_object(%3$L, %4$s))',
                         v_cap.source,
                         case jsonb_typeof(v_own) when 'number'
                           then format('jsonb_build_object(''daily_limit'', y.value -> ''per_source'' -> %L)',
                                       v_cap.source)
                              else format('(y.value -> ''per_source'' -> %L)', v_cap.source) end,
                         v_cap.setting, v_cap.used + 1) end]);
      return next;
    end loop;
  end if;

  if v_proposal.status not in ('pending', 'voting') then
    reason := 'ended';
    code := v_proposal.reason_code;
    detail := format('%s by policy at %s: %s', v_proposal.status, date_trunc('second', v_proposal.updated_at),
                     v_proposal.reason);
    frees := case when v_proposal.source <> 'trigger' and v_proposal.slots = _template_slots(v_proposal.template)
                  then format('select * from %s.fn_create_proposal(%L, %L);', v_schema, v_proposal.template,
                              v_proposal.source) end;
    return next;
    return;
  end if;

  if v_verdict.unallowed[1] is null and v_proposal.counted_at is null then
    reason := 'queue';
    code := null;
    detail := format('%s; the next heartbeat%s gates it', v_proposal.reason,
                     case when v_proposal.gate_after is not null
                          then ' after that, or after a change of proposal_caps,' else '' end);
    frees := format('select %s.fn_heartbeat();', v_schema);
    return next;
    return;
  end if;
  v_state := _approval_state(v_proposal, _risk_name(v_verdict.risks[1]));
  select string_agg(format('%s: %s%s', o.agent_role, o.vote, ' (' || o.reason || ')'), '; ' order by o.created_at)
    into v_votes
    from (select * from ops_proposal_votes v
           where v.proposal_id = p_proposal_id and (not v.decision or v_state is not null) limit 20) o;
  reason := 'approval';
  code := 'OPS_009';
  detail := case when v_state is null
                 then format('a person must decide%s', ', another than '
                             || nullif(array_to_string(v_proposal.proposers, ', '), '')
                             || ', who proposed it or what led to it')
                 else format('%s (approval_rules: %s%s)', _seats_text(v_state, v_proposal.proposers),
                             (select string_agg(n, ', ') from jsonb_array_elements_text(v_state -> 'rules') n),
                             '; expires at ' || date_trunc('second', (v_state ->> 'expires_at')::timestamptz)::text) end
    || format(': %s (%s)',
              coalesce(v_verdict.unallowed[1], 'policy would allow it by now, but did not when it was gated'),
              v_versions)
    || coalesce('; votes: ' || v_votes, '');
  frees := format('select * from %s.fn_approve_proposal(%L);', v_schema, p_proposal_id);
  return next;
end;
$$;
comment on function fn_explain_proposal(uuid) is
  'Why a proposal is not a mission yet, or why its mission is not getting on: a row per reason (approval, cap, '
  'policy, queue, ended) with the SQL statement that frees it. OPS_012 for an unknown proposal.';
