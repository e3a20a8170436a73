create or replace function _gate_proposals(p_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- The gate, for a batch of pending proposals that the caller made or locked: what policy forbids and what is over a
-- cap is rejected, what policy allows is approved and becomes a mission at once, the rest waits for a person.
-- A template is judged once, however many proposals of the batch share it.
-- Locks: cap counters by source name. Writes: ops_mission_proposals, ops_cap_counters, missions and steps.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
  v_auto jsonb;
  v_worker jsonb;
  v_epoch integer;
  v_versions jsonb;
  v_judged jsonb;
  v_source record;
  v_caps record;
  v_granted jsonb := '{}';
  v_approved uuid[];
begin
  if cardinality(p_ids) = 0 then
    return;
  end if;
  -- In one statement, and so of one moment: the versions recorded are those of the documents that judge.
  select coalesce(jsonb_object_agg(y.key, y.version), '{}'), _policy('auto_approve'), _policy('worker_policy'), _policy_epoch()
    into v_versions, v_auto, v_worker, v_epoch
    from ops_policy y
   where y.key in ('auto_approve', 'proposal_caps', 'worker_policy');

  select jsonb_object_agg(t.template_digest, to_jsonb(j)) into v_judged
    from (select distinct on (p.template_digest) p.template_digest, p.template
            from ops_mission_proposals p where p.id = any (p_ids)) t
   cross join lateral _judge_template(t.template, v_auto, v_worker) j;

  for v_source in
    select p.source, count(*)::integer as wanted, max(p.created_at) as created_at
      from ops_mission_proposals p
     where p.id = any (p_ids) and v_judged -> p.template_digest ->> 'forbidden' is null
     group by p.source, _cap_group(p.source, p.created_at)
     order by p.source, 3
  loop
    select * into v_caps from _reserve_caps(v_source.source, v_source.wanted, v_source.created_at);
    v_granted := jsonb_set(v_granted, array[_cap_group(v_source.source, v_source.created_at)], to_jsonb(v_caps));
  end loop;

  with judged as (
    select p.id, (v_judged -> p.template_digest) as verdict,
           v_granted -> _cap_group(p.source, p.created_at) as caps,
           row_number() over (partition by _cap_group(p.source, p.created_at),
                                           v_judged -> p.template_digest ->> 'forbidden' is null
                              order by n.ord) as nth
      from unnest(p_ids) with ordinality n (id, ord)
      join ops_mission_proposals p on p.id = n.id
  ), decided as (
    select j.id, j.verdict,
           case when j.verdict ->> 'forbidden' is not null then 'forbidden'
                when (j.caps ->> 'busy')::boolean then 'busy'
                when j.nth > (j.caps ->> 'granted')::integer then 'capped'
                when (j.verdict ->> 'auto_ok')::boolean then 'auto'
                else 'person' end as outcome,
           j.caps ->> 'reason' as cap_reason
      from judged j
  ), updated as (
    update ops_mission_proposals p
       set status = case d.outcome when 'auto' then 'auto_approved' when 'forbidden' then 'rejected'
                                   when 'capped' then 'rejected' else p.status end,
           reason = case d.outcome when 'auto' then 'policy allows it'
                                   when 'forbidden' then 'OPS_003: ' || (d.verdict ->> 'forbidden')
                                   when 'person' then 'OPS_009: ' || (d.verdict ->> 'reason')
                                   else d.cap_reason end,
           risk_level = _risk_name((d.verdict ->> 'risk')::smallint),
           counted_at = case when d.outcome in ('auto', 'person') then v_now end,
           policy_snapshot = v_versions,
           approved_digest = case d.outcome when 'auto' then p.template_digest end,
           approved_at = case d.outcome when 'auto' then v_now end,
           decided_by = case when d.outcome in ('auto', 'forbidden', 'capped') then 'policy' end,
           decided_login = case when d.outcome in ('auto', 'forbidden', 'capped') then p.proposed_login end,
           updated_at = v_now
      from decided d
     where p.id = d.id
    returning p.id, p.status
  )
  select array_agg(u.id) into v_approved from updated u where u.status = 'auto_approved';
  if v_approved is not null then
    perform _start_missions(v_approved, v_epoch);
  end if;
end;
$$;
