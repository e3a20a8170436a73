create or replace function _verdicts(
  p_ids uuid[],
  p_documents ops_policy_documents,
  out ids uuid[],
  out codes text[],
  out reasons text[],
  out refusals text[],
  out unallowed text[],
  out risks smallint[],
  out which integer[],
  out steps ops_template_step[],
  out slots jsonb[]
)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The verdict of these documents on stored proposals, whatever their status, each as if it were gated alone now. ids:
-- those of p_ids that are proposals. codes and reasons: OPS_016 the template was changed after it was proposed; OPS_003
-- it is forbidden, or over a cap where it does not count yet; OPS_009 a person must decide; null it may run by itself.
-- refusals: why no person may approve it, caps apart. unallowed: all that keeps it from running by itself, caps apart.
-- Each distinct template is judged once. which: the number of each proposal's template; its steps are those with that
-- no. It is null where the template was changed, as that may not be sound. slots: by template.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_templates jsonb[];
  v_judged record;
begin
  with asked as materialized (
    select p.id, p.template, p.slots, p.template::text collate "C" as text,
           case when d.digest = p.template_digest then d.digest end as digest
      from unnest(p_ids) n (id)
     cross join lateral (select t.* from ops_mission_proposals t where t.id = n.id limit 1) p
     cross join lateral _template_digest(p.template, p.slots) d (digest)
  ), template as materialized (
    select f.*, row_number() over () as no
      -- Of templates that are equal, those are judged apart that are written differently, as rules match texts.
      from (select distinct on (a.digest, a.text) a.digest, a.text, a.template, a.slots
              from asked a
             where a.digest is not null) f
  )
  select (select array_agg(t.template order by t.no) from template t),
         (select array_agg(t.slots order by t.no) from template t),
         array_agg(a.id), array_agg(t.no)
    into v_templates, slots, ids, which
    from asked a
    left join template t on t.digest = a.digest and t.text = a.text;
  v_judged := _judge_templates(coalesce(v_templates, '{}'), p_documents);
  steps := v_judged.steps;

  select array_agg(case when a.no is null then 'OPS_016' when c.refusal is not null then 'OPS_003' else j.code end
                   order by a.ord),
         array_agg(coalesce(r.refusal, c.refusal, j.reason, 'policy allows it') order by a.ord),
         array_agg(r.refusal order by a.ord), array_agg(j.reason order by a.ord), array_agg(j.risk order by a.ord)
    into codes, reasons, refusals, unallowed, risks
    from unnest(ids, which) with ordinality a (id, no, ord)
    left join unnest(v_judged.codes, v_judged.forbidden, v_judged.reasons, v_judged.risks)
              with ordinality j (code, forbidden, reason, risk, no) on j.no = a.no
   cross join lateral (
     select case when a.no is null then 'the template was changed after it was proposed'
                 else j.forbidden end as refusal) r
    left join lateral (
      select m.refusal
        from ops_mission_proposals p
       cross join lateral _caps_reached(p_documents.proposal_caps, p.source, _now()) with ordinality m
       where p.id = a.id and p.counted_at is null
       order by m.ordinality
       limit 1) c on r.refusal is null;
end;
$$;
