create or replace function fn_test_policy(p_tests jsonb, p_documents jsonb default null)
returns table (name text, passed boolean, got jsonb, expected jsonb)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether policy decides as examples say: [{"name", "given": {"template" | "event", "source", "counted"}, "expect":
-- {"outcome", "risk", "rule", "pattern"}}], in their order. p_documents: drafts by key, in the place of those in force.
-- The verdict is the gate's own; counted stands for what the caps have counted, and nothing recorded plays a part. got:
-- outcome, risk, rule, reason, pattern; of several proposals of one event the first that is as expected, or the first.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault of a draft, OP018 with every fault of the tests, OP045.
declare
  v_schema constant jsonb := _tests_schema();
  v_documents constant ops_policy_documents := _draft_documents(coalesce(p_documents, '{}'));
  v_patterns constant jsonb := coalesce(p_documents -> 'reaction_matrix', _policy('reaction_matrix')) -> 'patterns';
  v_faults text[];
  v_test record;
  v_made record;
  v_fault text;
  v_judged record;
  -- Of each proposal: its test, its pattern, its template or what becomes of it without.
  v_nos integer[] := '{}'::integer[];
  v_names text[] := '{}'::text[];
  v_templates jsonb[] := '{}'::jsonb[];
  v_fates text[] := '{}'::text[];
  v_reasons text[] := '{}'::text[];
begin
  perform _check_size('p_tests', p_tests, 'policy_bytes');
  v_faults := _schema_faults('tests', coalesce(p_tests, 'null'), v_schema,
                             _schema_definitions() || (v_schema -> '$defs'));
  if v_faults = '{}' then
    v_faults := array(
      select format('tests[%s].%s', t.no - 1, f.told)
        from jsonb_array_elements(p_tests) with ordinality t (value, no)
       cross join lateral (values
         ('given: must have a template or an event, one of the two',
          num_nonnulls(nullif(t.value #> '{given,template}', 'null'), nullif(t.value #> '{given,event}', 'null')) <> 1),
         ('expect: says nothing', jsonb_strip_nulls(t.value -> 'expect') = '{}')) f (told, is_so)
       where f.is_so
       order by t.no
       limit 1001);
  end if;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = format('OPS_018: invalid tests of policy: %s', v_faults[1]),
      detail = jsonb_build_object('faults', _told_faults(v_faults))::text,
      hint = 'Mend every fault listed in the detail.';
  end if;

  for v_test in
    select t.no, nullif(t.value #> '{given,template}', 'null') as template,
           '{"id": null, "data": {}, "mission_id": null, "depth": 0}' || jsonb_build_object('created_at', _now())
             || jsonb_strip_nulls(t.value #> '{given,event}') as event
      from jsonb_array_elements(p_tests) with ordinality t (value, no)
  loop
    for v_made in
      select null::text as pattern, v_test.template, null::text as fault where v_test.template is not null
      union all
      select r.pattern, r.template, r.fault from _would_react(v_test.event, v_patterns) r where v_test.template is null
    loop
      -- The output of a pattern is sound: values of events are never scanned for placeholders.
      v_fault := case when v_made.pattern is null then (_template_faults(v_made.template, false))[1] end;
      v_nos := array_append(v_nos, v_test.no::integer);
      v_names := array_append(v_names, v_made.pattern);
      v_templates := array_append(v_templates, case when coalesce(v_made.fault, v_fault) is null
                                                    then v_made.template end);
      v_fates := array_append(v_fates, case when v_made.fault is not null then 'failed'
                                            when v_fault is not null then 'invalid' end);
      v_reasons := array_append(v_reasons, coalesce(v_made.fault, v_fault));
    end loop;
  end loop;
  v_judged := _judge_all(v_templates, v_documents);

  return query
  with test as (
    select t.no, t.value, jsonb_strip_nulls(t.value -> 'expect') as wanted,
           case when nullif(t.value #> '{given,event}', 'null') is not null then 'trigger'
                else coalesce(t.value #>> '{given,source}', 'manual') end as source,
           coalesce((t.value #>> '{given,counted}')::integer, 0) as counted
      from jsonb_array_elements(p_tests) with ordinality t (value, no)
  ), made as (
    select m.*
      from unnest(v_nos, v_names, v_fates, v_reasons, v_judged.codes, v_judged.forbidden, v_judged.reasons,
                  v_judged.findings, v_judged.risks)
           with ordinality m (no, name, fate, why, code, forbidden, reason, finding, risk, ord)
  ), verdict as (
    select t.no, t.value, t.wanted, m.ord,
           jsonb_strip_nulls(jsonb_build_object(
             'outcome', case when m.no is null then 'none'
                             when m.fate is not null then m.fate
                             when m.code = 'OPS_003' then 'rejected'
                             when c.cap = 0 or (c.cap > 0 and d.caps ->> 'over_limit' = 'reject') then 'rejected'
                             when c.cap is not null then 'waits'
                             when m.code = 'OPS_009' then 'pending' else 'auto_approved' end,
             'risk', case when m.fate is null then _risk_name(m.risk) end,
             'rule', case when m.fate is null then
                       case when m.code is distinct from 'OPS_003' and c.cap is not null then 'proposal_caps.' || c.name
                            else m.finding -> 0 ->> 'rule' end end,
             'reason', case when m.no is null then 'no pattern reacts'
                            when m.fate is not null then m.why
                            when m.code = 'OPS_003' then coalesce(m.forbidden, m.reason)
                            when c.cap is not null then c.refusal
                            else coalesce(m.reason, 'policy allows it') end,
             'pattern', m.name)) as got
      from test t
      left join made m on m.no = t.no
     cross join lateral (select v_documents.proposal_caps as caps) d
      left join lateral (
        select f.cap, f.name, f.refusal from _caps_in_force(d.caps, t.source, _now() at time zone 'UTC') f
         where m.no is not null and f.cap <= t.counted
         order by f.no
         limit 1) c on true
  )
  select r.value ->> 'name', r.got @> r.wanted, r.got, r.wanted
    from (select distinct on (v.no) v.* from verdict v order by v.no, (v.got @> v.wanted) desc, v.ord) r
   order by r.no;
end;
$$;
comment on function fn_test_policy(jsonb, jsonb) is
  'Whether policy decides as examples say: [{"name", "given": {"template" or "event", "source", "counted"}, "expect": '
  '{"outcome", "risk", "rule", "pattern"}}]; a row for each with what it got. p_documents tries drafts, by key. '
  'Nothing that is recorded plays a part, and nothing changes. OPS_018 with every fault of the tests.';
