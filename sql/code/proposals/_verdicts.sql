create or replace function _verdicts(p_ids uuid[], p_documents ops_policy_documents)
returns table (proposal_id uuid, code text, reason text, refusal text, unallowed text, risk smallint,
               steps ops_template_step[])
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The verdict of these documents on proposals, whatever their status, each as if it were gated alone now. code and
-- reason: OPS_016 the template was changed after it was proposed, OPS_003 forbidden, or over a cap where it does not
-- count yet, OPS_009 a person must decide, null it may run by itself. refusal: why nobody may run it, caps apart.
-- unallowed: all that keeps it from running by itself, caps apart. risk and steps: of the template; null where that was
-- changed, since it is not known to be sound then. A template is worked through once, however many proposals have it.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_ids uuid[];
  v_which integer[];
  v_templates jsonb[];
  v_judged record;
begin
  with asked as materialized (
    select p.id, p.template, case when d.digest = p.template_digest then d.digest end as digest
      from unnest(p_ids) n (id)
     cross join lateral (select t.* from ops_mission_proposals t where t.id = n.id limit 1) p
     cross join lateral _template_digest(p.template, p.slots) d (digest)
  ), template as materialized (
    select f.*, row_number() over () as no
      from (select distinct on (a.digest) a.digest, a.template from asked a where a.digest is not null) f
  )
  select (select array_agg(t.template order by t.no) from template t), array_agg(a.id), array_agg(t.no)
    into v_templates, v_ids, v_which
    from asked a
    left join template t on t.digest = a.digest;
  v_judged := _judge_templates(coalesce(v_templates, '{}'), p_documents);

  return query
  with judged as materialized (
    select j.no, j.code, j.forbidden, j.reasons, j.risk, s.steps
      from unnest(v_judged.codes, v_judged.forbidden, v_judged.reasons, v_judged.risks)
           with ordinality j (code, forbidden, reasons, risk, no)
      join (select s.no, array_agg(s order by s.pos) as steps from unnest(v_judged.steps) s group by s.no) s on s.no = j.no
  )
  select a.id,
         case when j.no is null then 'OPS_016' when c.refusal is not null then 'OPS_003' else j.code end,
         coalesce(r.refusal, c.refusal, j.reasons, 'policy allows it'),
         r.refusal, j.reasons, j.risk, j.steps
    from unnest(v_ids, v_which) a (id, which)
    left join judged j on j.no = a.which
   cross join lateral (
     select case when j.no is null then 'the template was changed after it was proposed' else j.forbidden end as refusal) r
    left join lateral (
      select m.refusal
        from ops_mission_proposals p
       cross join lateral _caps_reached(p_documents.proposal_caps, p.source, p.created_at) with ordinality m
       where p.id = a.id and p.counted_at is null
       order by m.ordinality
       limit 1) c on r.refusal is null;
end;
$$;
