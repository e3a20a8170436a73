create or replace function _tell_approvals(p_types text[], p_ids uuid[], p_data jsonb[])
returns void
language plpgsql
set search_path from current
as $$
-- Emits an event proposal:… for each of these proposals, with all that a chat needs to show: p_data, and title, risk,
-- source, proposers, what the rules ask for and who has voted. What approval_rules.publish names also goes to the
-- outbox, aggregate proposal, from where a route of the document outbox takes it: such a message is no proposal, so it
-- counts against no cap and waits for no decision.
-- Locks: the announcement. Writes: ops_agent_events, ops_ready, outbox. Raises: nothing.
declare
  v_rules constant jsonb := _policy('approval_rules');
  v_publish constant jsonb := v_rules -> 'publish';
  v_asks constant boolean := coalesce(v_rules -> 'rules', '[]') <> '[]'
                             or exists (select from ops_approvals a where a.proposal_id = any (p_ids));
  v_types text[];
  v_ids uuid[];
  v_data jsonb[];
  v_depths integer[];
begin
  select array_agg(n.type order by n.ord), array_agg(p.id order by n.ord),
         array_agg(n.data || jsonb_build_object(
                     'proposal_id', p.id, 'title', p.title, 'risk_level', p.risk_level, 'source', p.source,
                     'status', p.status, 'proposers', p.proposers)
                   || jsonb_strip_nulls(jsonb_build_object('rationale', p.template -> 'rationale',
                                                           'refs', p.template -> 'refs'))
                   || case when s.state is null then '{}' else jsonb_build_object(
                        'rules', s.state -> 'rules', 'seats', _seats_text(s.state, p.proposers),
                        'expires_at', s.state -> 'expires_at') end order by n.ord),
         array_agg(p.depth order by n.ord)
    into v_types, v_ids, v_data, v_depths
    from unnest(p_types, p_ids, p_data) with ordinality n (type, id, data, ord)
    join ops_mission_proposals p on p.id = n.id
   cross join lateral (select case when v_asks then _approval_state(p, p.risk_level) end as state) s;
  if v_ids is null then
    return;
  end if;
  perform _emit_loop_events(v_types, v_data, array_fill(null::uuid, array[cardinality(v_ids)]), v_depths);
  if jsonb_typeof(v_publish) = 'array' then
    perform fn_publish_outbox('proposal', n.id::text, n.type, n.data)
       from unnest(v_types, v_ids, v_data) n (type, id, data)
      where _matches_any(n.type, v_publish);
  end if;
end;
$$;
