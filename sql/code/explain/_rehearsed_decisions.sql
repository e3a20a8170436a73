create or replace function _rehearsed_decisions(
  p_given jsonb,
  p_documents ops_policy_documents,
  p_since timestamptz,
  p_until timestamptz,
  p_ids uuid[] default null,
  p_compared timestamptz[] default null
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
set enable_nestloop = off
set jit = off
as $$
-- The decisions of these documents on the proposals that the gate judged from p_since until before p_until, in its
-- order. p_given: the documents that are tried, for its reaction_matrix, which is held against these events (p_ids,
-- compared at p_compared), or all that there are. Outcomes are those of fn_dry_run_policy.
-- Locks: none. Writes: nothing. Raises: nothing for sound documents.
declare
  v_templates jsonb[];
  v_judged record;
  v_all record;
  v_capped record;
begin
  -- Each distinct template to be judged, once.
  with decision as materialized (
    select d.*, row_number() over (order by d.at, d.proposal_id, d.event_id, d.pattern_no) as no
      from _recorded_decisions(p_since, p_until, p_given -> 'reaction_matrix', p_ids, p_compared) d
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
  if v_all.ats is null then
    return;
  end if;
  v_templates := coalesce(v_all.templates, '{}');
  v_judged := _judge_all(v_templates, p_documents);

  v_capped := _rehearse_caps(
    p_documents.proposal_caps, p_since, v_all.ats, v_all.sources, v_all.releases,
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
  )
  select v.old, v.new, v.proposal_id, v.event_id, v.pattern,
         coalesce(v_templates[v.which] ->> 'title', v.pattern), v.source, v.at, v.rule, v.reason
    from verdict v
   where v.old <> 'none' or v.new <> 'none'
   order by v.no;
end;
$$;
