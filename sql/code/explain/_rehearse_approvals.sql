create or replace function _rehearse_approvals(
  p_rules jsonb,
  p_since timestamptz,
  p_documents ops_policy_documents default null
)
returns table (proposal_id uuid, title text, source text, at timestamptz, old text, new text, rule text, reason text)
language plpgsql
stable
set search_path from current
set enable_nestloop = on
set jit = off
as $$
-- The outcome of the votes on record under these approval_rules, of proposals since p_since that persons were asked
-- about. Outcomes: approved, refused (by a person), expired, open (the votes until then are not enough), unknown (what
-- was approved was changed by hand, the votes are no longer kept, or it depends on who was in a role then).
-- p_documents: judge the risk by these, and leave out what persons would not be asked about; null: the risk on record.
-- Votes come from the audit log, which also has those that were changed later. Who is in a group is what the rules say
-- of the login; by a role, what was on record with the vote, where the group had the same roles then.
-- Locks: none. Writes: nothing. Raises: nothing for sound rules.
declare
  v_is_judged constant boolean := p_documents.auto_approve is not null;
  v_templates jsonb[];
  v_texts text[];
  v_judged record;
  v_case record;
  v_meagre record;
  v_generous record;
begin
  if v_is_judged then
    select array_agg(t.text::jsonb), array_agg(t.text)
      into v_templates, v_texts
      from (select distinct p.template::text as text
              from ops_mission_proposals p
             where p.created_at >= p_since and p.template_digest = _template_digest(p.template, p.slots)) t;
  end if;
  v_judged := _judge_all(coalesce(v_templates, '{}'), p_documents);

  for v_case in
    with asked as materialized (
      select p.id, p.title, p.source, p.created_at, p.proposers, p.template_digest,
             coalesce(a.asked_at, p.counted_at, p.created_at) as asked_at,
             case p.status when 'approved' then 'approved' when 'rejected' then 'refused' when 'expired' then 'expired'
                           else 'open' end as old,
             case p.status when 'approved' then p.approved_at when 'rejected' then p.updated_at
                           when 'expired' then p.updated_at else _now() end as ends_at,
             p.template_digest = _template_digest(p.template, p.slots) as is_kept,
             _approval_facts(p.template, p.source, coalesce(_risk_name(j.risk), p.risk_level))::text as facts
        from ops_mission_proposals p
        left join ops_approvals a on a.proposal_id = p.id
        left join unnest(v_texts, v_judged.codes, v_judged.risks) j (text, code, risk) on j.text = p.template::text
       where p.created_at >= p_since and p.counted_at is not null and p.status <> 'auto_approved'
         and not (p.status = 'rejected' and p.decided_by = 'policy')
         and (not v_is_judged or j.code = 'OPS_009')
    ), required as materialized (
      select f.facts, _required_by(p_rules, f.facts::jsonb) as required
        from (select distinct k.facts from asked k) f
    )
    select k.*, r.required, v.votes
      from asked k
      join required r on r.facts = k.facts
     cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object(
                'act', l.action, 'at', l.created_at, 'login', n.login,
                'is_reasoned', coalesce(trim(l.reason), '') <> '',
                'nth', (select count(*) from ops_audit_log b
                         where l.action = 'break_glass' and b.action = 'break_glass' and b.id < l.id
                           and b.created_at
                               >= date_trunc('month', l.created_at at time zone 'UTC') at time zone 'UTC'),
                'groups', g.known, 'perhaps', g.perhaps) order by l.id), '[]') as votes
         from ops_audit_log l
        cross join lateral (select coalesce(l.detail ->> 'voted_login', l.login) as login) n
        cross join lateral _rehearsed_groups(p_rules, n.login, k.id, (l.versions ->> 'approval_rules')::integer,
                                             l.id) g
        where l.subject_type = 'proposal' and l.subject_id = k.id::text
          and l.action in ('approve', 'reject', 'break_glass', 'withdraw')
          and l.detail ->> 'digest' = k.template_digest) v
     order by k.created_at, k.id
  loop
    proposal_id := v_case.id;
    title := v_case.title;
    source := v_case.source;
    at := v_case.created_at;
    old := v_case.old;
    rule := 'approval_rules.rules' || coalesce(
      '.' || (select string_agg(n, ', ' order by n) from jsonb_array_elements_text(v_case.required -> 'rules') n), '');
    if not v_case.is_kept or (old in ('approved', 'refused') and v_case.votes = '[]') then
      new := 'unknown';
      reason := 'what it would be judged by is no longer kept, or was changed';
    else
      v_meagre := _rehearse_votes(v_case.required, p_rules -> 'break_glass', v_case.votes, v_case.asked_at,
                                  v_case.ends_at, v_case.proposers, false);
      v_generous := _rehearse_votes(v_case.required, p_rules -> 'break_glass', v_case.votes, v_case.asked_at,
                                    v_case.ends_at, v_case.proposers, true);
      new := v_meagre.outcome;
      reason := v_meagre.reason;
      if v_generous.outcome <> new then
        new := 'unknown';
        reason := 'it depends on who was in the roles of its groups then';
      end if;
    end if;
    return next;
  end loop;
end;
$$;
