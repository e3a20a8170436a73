create or replace function fn_dry_run_policy(
  p_key text default null,
  p_value jsonb default null,
  p_since timestamptz default null,
  p_limit integer default 1000
)
returns table (
  kind text,
  old_outcome text,
  new_outcome text,
  decisions bigint,
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
security definer
set search_path from current
set enable_nestloop = off
set jit = off
as $$
-- What a document would have decided on what was recorded since p_since (default: seven days ago). p_key null: p_value
-- has several, {"auto_approve": {…}, …}; those not given are as in force. Rows of kind matrix count the decisions by
-- old and new outcome; rows of kind decision are those that would differ, the oldest p_limit. Outcomes: auto_approved,
-- pending (a person decides), waits (for the window of a cap), rejected, failed (a placeholder has no value), repeats
-- (its dedupe key was proposed before), none (no reaction), unknown (what it would be judged by is no longer kept, or
-- was changed). The verdict is the gate's own. Where reaction_matrix is given, recorded events are matched anew; what
-- missions would have emitted that never ran is not known, and so not there. approval_rules are held against the votes
-- on record; outcomes: approved, refused (by a person), expired, open (these votes are not enough), unknown.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault of a document, OP018 for a limit or a time that cannot
-- be, OP045 for a document that is too large.
declare
  v_given constant jsonb := case when p_key is null then p_value else jsonb_build_object(p_key, p_value) end;
  v_since constant timestamptz := coalesce(p_since, _now() - interval '7 days');
  v_rules constant jsonb := v_given -> 'approval_rules';
  v_documents ops_policy_documents;
  v_none ops_policy_documents;
  v_templates jsonb[];
  v_judged record;
  v_all record;
  v_capped record;
begin
  v_documents := _draft_documents(v_given);
  if v_given = '{}' then
    raise exception using errcode = 'OP018', message = 'OPS_018: a dry run of no document',
      detail = jsonb_build_object('p_key', p_key)::text,
      hint = 'Give p_key and p_value, or p_key null and {"auto_approve": {…}, "reaction_matrix": {…}}.';
  end if;
  if p_limit not between 0 and 100000 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_limit is %s', p_limit),
      hint = 'Give 0 to 100000; the rows of the matrix come always.';
  end if;

  -- What is to be judged, each distinct template once.
  with decision as materialized (
    select d.*, row_number() over (order by d.at, d.proposal_id, d.event_id, d.pattern_no) as no
      from _recorded_decisions(v_since, v_given -> 'reaction_matrix') d
     where v_given - 'approval_rules' <> '{}'
  ), template as materialized (
    select t.text, row_number() over () as no
      from (select distinct d.template::text as text from decision d where d.template is not null) t
  )
  select (select array_agg(t.text::jsonb order by t.no) from template t) as templates,
         array_agg(d.old order by d.no) as olds, array_agg(d.fate order by d.no) as fates,
         array_agg(t.no::integer order by d.no) as which, array_agg(d.at order by d.no) as ats,
         array_agg(d.released_at order by d.no) as releases, array_agg(d.source order by d.no) as sources,
         array_agg(d.proposal_id order by d.no) as proposals, array_agg(d.event_id order by d.no) as events,
         array_agg(d.pattern order by d.no) as patterns
    into v_all
    from decision d
    left join template t on t.text = d.template::text;
  if v_all.ats is null and v_rules is null then
    return;
  end if;
  v_templates := coalesce(v_all.templates, '{}');
  v_judged := _judge_all(v_templates, v_documents);

  v_capped := _rehearse_caps(
    v_documents.proposal_caps, v_since, coalesce(v_all.ats, '{}'), coalesce(v_all.sources, '{}'), v_all.releases,
    array(select d.fate is null and d.which is not null and j.code is distinct from 'OPS_003'
            from unnest(v_all.fates, v_all.which) with ordinality d (fate, which, no)
            left join unnest(v_judged.codes) with ordinality j (code, no) on j.no = d.which
           order by d.no));

  return query
  with verdict as (
    select d.no, d.old, d.proposal_id, d.event_id, d.pattern, d.source, d.at, d.which,
           case when d.fate is not null then d.fate
                when j.code = 'OPS_003' then 'rejected'
                when c.outcome is not null then c.outcome
                when j.code = 'OPS_009' then 'pending' else 'auto_approved' end as new,
           case when d.fate is not null then null
                when j.code = 'OPS_003' then j.finding -> 0 ->> 'rule'
                when c.outcome is not null then c.rule
                when j.code is not null then j.finding -> 0 ->> 'rule' end as rule,
           case when d.fate = 'unknown' then 'what it was judged by is no longer kept, or was changed'
                when d.fate = 'none' then 'no pattern reacts'
                when d.fate = 'repeats' then 'its dedupe_key was proposed before'
                when d.fate = 'failed' then 'a placeholder has no value'
                when j.code = 'OPS_003' then coalesce(j.forbidden, j.reason)
                when c.outcome is not null then c.reason
                else coalesce(j.reason, 'policy allows it') end as reason
      from unnest(v_all.olds, v_all.fates, v_all.which, v_all.ats, v_all.sources, v_all.proposals, v_all.events,
                  v_all.patterns)
           with ordinality d (old, fate, which, at, source, proposal_id, event_id, pattern, no)
      left join unnest(v_judged.codes, v_judged.findings, v_judged.forbidden, v_judged.reasons)
                with ordinality j (code, finding, forbidden, reason, no) on j.no = d.which
      left join unnest(v_capped.outcomes, v_capped.rules, v_capped.reasons)
                with ordinality c (outcome, rule, reason, no) on c.no = d.no
  ), result as materialized (
    select v.no, v.old, v.new, v.proposal_id, v.event_id, v.pattern,
           coalesce(v_templates[v.which] ->> 'title', v.pattern) as title, v.source, v.at, v.rule, v.reason
      from verdict v
     where v.old <> 'none' or v.new <> 'none'
     union all
    select null, a.old, a.new, a.proposal_id, null, null, a.title, a.source, a.at, a.rule, a.reason
      from _rehearse_approvals(
             v_rules, v_since,
             case when v_given ?| array['auto_approve', 'worker_policy', 'agent_roles'] then v_documents
                  else v_none end) a
     where v_rules is not null
  )
  (select 'matrix'::text, r.old, r.new, count(*), null::uuid, null::uuid, null::text, null::text, null::text,
          null::timestamptz, null::text, null::text
     from result r
    group by r.old, r.new
    order by r.old, r.new)
  union all
  (select 'decision', r.old, r.new, 1::bigint, r.proposal_id, r.event_id, r.pattern, r.title, r.source, r.at, r.rule,
          r.reason
     from result r
    where r.old <> r.new
    order by r.no nulls last, r.at, r.proposal_id
    limit p_limit);
end;
$$;
comment on function fn_dry_run_policy(text, jsonb, timestamptz, integer) is
  'What a policy document (or, with p_key null, several at once) would have decided on what was recorded since '
  'p_since, by default in the last seven days: rows of kind matrix count decisions by old and new outcome, rows of '
  'kind decision are those that would differ, each with rule and reason. approval_rules are held against the votes on '
  'record. Changes nothing. OPS_017 with every fault of a document.';
