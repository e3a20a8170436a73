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
-- The decisions that a document would have made on the records since p_since (default: seven days ago). p_key null:
-- p_value has several, {"auto_approve": {…}, …}; those not given are as in force. Rows of kind matrix count the
-- decisions by old and new outcome; rows of kind decision are those that would differ, the oldest p_limit. Outcomes:
-- auto_approved, pending (a person decides), waits (for the window of a cap), rejected, failed (a placeholder has no
-- value), repeats (its dedupe key was proposed before), none (no reaction), unknown (what it would be judged by is no
-- longer kept, or was changed). The verdict is the gate's own. Where reaction_matrix is given, recorded events are
-- matched anew; what missions would have emitted that never ran is not known, and so not there. approval_rules are held
-- against the votes on record; outcomes: approved, refused (by a person), expired, open (these votes are not enough),
-- unknown.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault of a document, OP018 for a limit or a time that cannot
-- be, OP045 for a document that is too large.
declare
  v_given constant jsonb := case when p_key is null then p_value else jsonb_build_object(p_key, p_value) end;
  v_since constant timestamptz := coalesce(p_since, _now() - interval '7 days');
  v_rules constant jsonb := v_given -> 'approval_rules';
  v_documents ops_policy_documents;
  v_none ops_policy_documents;
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

  return query
  with result as materialized (
    select d.no, d.old, d.new, d.proposal_id, d.event_id, d.pattern, d.title, d.source, d.at, d.rule, d.reason
      from _rehearsed_decisions(v_given, v_documents, v_since, 'infinity') with ordinality
           d (old, new, proposal_id, event_id, pattern, title, source, at, rule, reason, no)
     where v_given - 'approval_rules' <> '{}'
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
  'The decisions that a policy document (or, with p_key null, several at once) would have made on the records since '
  'p_since, by default in the last seven days: rows of kind matrix count decisions by old and new outcome, rows of '
  'kind decision are those that would differ, each with rule and reason. approval_rules are held against the votes on '
  'record. Changes nothing. OPS_017 with every fault of a document.';
