create or replace function _shadowed_decisions(
  p_key text,
  p_value jsonb,
  p_since timestamptz,
  p_until timestamptz
)
returns table (
  old_outcome text,
  new_outcome text,
  proposal_id uuid,
  event_id uuid,
  pattern text,
  title text,
  source text,
  decided_at timestamptz,
  rule text,
  reason text
)
language plpgsql
stable
set search_path from current
set jit = off
as $$
-- The decisions of a document on the proposals made from p_since until before p_until, beside those in force; a
-- reaction_matrix on what was emitted then. Where caps, cooldowns or dedupe keys count, they count from the beginning
-- of the UTC day on, so that a shadow's own decisions are counted; of a day with more than 10,000 proposals, or events,
-- only those from p_since on. Outcomes as fn_dry_run_policy; of approval_rules: asks, what was kept when it was
-- proposed, and asks more, asks less (seats) or asks otherwise.
-- Locks: none. Writes: nothing. Raises: nothing for a sound document.
declare
  c_most constant integer := 10000;
  v_documents ops_policy_documents := _documents_in_force();
  v_day constant timestamptz := date_trunc('day', p_since at time zone 'UTC') at time zone 'UTC';
  v_anchor timestamptz := p_since;
  v_watched text[];
  v_events record;
begin
  if p_key = 'reaction_matrix' then
    v_watched := _watched_types(p_value) || _watched_types(_policy('reaction_matrix'));
    if (select count(*) from _events_between(v_day, p_until, v_watched, c_most + 1)) <= c_most then
      v_anchor := v_day;
    end if;
    select coalesce(array_agg(e.id order by e.compared_at, e.ready_seq, e.id), '{}') as ids,
           array_agg(e.compared_at order by e.compared_at, e.ready_seq, e.id) as compared,
           array_agg(e.id) filter (where e.emitted_at >= p_since) as asked
      into v_events
      from _events_between(v_anchor, p_until, v_watched, null) e;
    return query
    select d.old_outcome, d.new_outcome, d.proposal_id, d.event_id, d.pattern, d.title, d.source, d.decided_at, d.rule,
           d.reason
      from _rehearsed_decisions(jsonb_build_object(p_key, p_value), v_documents, v_anchor, p_until, v_events.ids,
                                v_events.compared) d
     where d.event_id = any (v_events.asked) and d.source = 'trigger';
    return;
  end if;
  if p_key = 'approval_rules' then
    return query
    select 'asks',
           case when n.required - 'rules' is not distinct from a.required - 'rules' then 'asks'
                when coalesce(c.new, 1) > coalesce(c.old, 1) then 'asks more'
                when coalesce(c.new, 1) < coalesce(c.old, 1) then 'asks less' else 'asks otherwise' end,
           p.id, null::uuid, null::text, p.title, p.source, p.created_at,
           'approval_rules.rules' || coalesce('.' || (select string_agg(r, ', ' order by r)
                                                        from jsonb_array_elements_text(n.required -> 'rules') r), ''),
           format('%s instead of %s', _asked_text(n.required), _asked_text(a.required))
      from ops_mission_proposals p
      left join ops_approvals a on a.proposal_id = p.id
     cross join lateral _required_by(p_value, _approval_facts(p.template, p.source, p.risk_level)) n (required)
     cross join lateral (
       select (select sum((q ->> 'count')::integer) from jsonb_array_elements(n.required -> 'seats') q) as new,
              (select sum((q ->> 'count')::integer) from jsonb_array_elements(a.required -> 'seats') q) as old) c
     where p.created_at >= p_since and p.created_at < p_until and p.status <> 'auto_approved'
       and not (p.status = 'rejected' and p.decided_by = 'policy');
    return;
  end if;
  case p_key
    when 'auto_approve' then v_documents.auto_approve := p_value;
    when 'worker_policy' then v_documents.worker_policy := p_value;
    when 'proposal_caps' then v_documents.proposal_caps := p_value;
    when 'agent_roles' then v_documents.agent_roles := p_value;
  end case;
  if exists (select from jsonb_each(v_documents.proposal_caps) c
              where c.key in ('daily_limit', 'hourly_limit', 'per_source') and c.value not in ('null', '{}')) then
    v_anchor := v_day;
    if (select count(*) from (select from ops_mission_proposals p
                               where p.created_at >= v_anchor and p.created_at < p_until limit c_most + 1) n) > c_most
    then
      v_anchor := p_since;
    end if;
  end if;
  return query
  select d.old_outcome, d.new_outcome, d.proposal_id, d.event_id, null::text, d.title, d.source, d.decided_at, d.rule,
         d.reason
    from _rehearsed_decisions(jsonb_build_object(p_key, p_value), v_documents, v_anchor, p_until) d
   where d.decided_at >= p_since;
end;
$$;
