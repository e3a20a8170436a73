create or replace function _claim_verdicts(p_step_ids uuid[], p_generation integer, p_worker_policy jsonb)
returns table (
  step_id uuid,
  params jsonb,
  run_with text,
  role text,
  fault text,
  fault_code text,
  hold text,
  hold_code text,
  digest text
)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The verdicts of policy on steps as they would run now, placeholders filled and presets expanded. A row only for steps
-- with slots, for presets, and for steps judged under another policy generation. fault: a placeholder has no value, and
-- the step fails; but where it names a step whose row is gone, deleted or archived by hand, hold says so (OPS_082): the
-- step waits until that row is back, or a person says how it ended. role: the agent that the step is for, which the
-- params of an expanded preset no longer say. hold: policy no longer covers the step, and it is parked until a person
-- decides; with code OPS_003 no person may have it run. digest: of exactly what would run, program included; the
-- decision of a person counts for that digest only.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_auto jsonb := _policy('auto_approve');
begin
  return query
  with filled as materialized (
    select n.nth, s.id, s.mission_id, s.kind, s.executor, s.approved_digest, s.needs_approval, f.params, f.fault,
           f.fault_code, case when f.fault is not null then _missing_results(s.mission_id, s.slots) end as gone
      from unnest(p_step_ids) with ordinality n (id, nth)
      -- Plans 1
     cross join lateral (select t.* from ops_mission_steps t where t.id = n.id limit 1) s
     cross join lateral (select case when s.slots is null then '{}'
                         else _step_results(s.mission_id, s.slots) end) r (results)
     cross join lateral (select _as_run(s.executor, l.params) as params, l.fault, l.fault_code
                           from _fill_step(s.params, coalesce(s.slots, '[]'), r.results) l) f
     where (s.slots is not null
            or s.judged_generation is distinct from p_generation
            or p_worker_policy -> 'presets' ? s.executor)
       -- Nothing runs such a step but its copies.
       and (s.on_turn is null or not s.on_turn ?| array['for_each', 'spread'])
  ), commands as materialized (
    select _allowed_commands(array(select case when i.executor = 'command' then i.params -> 'argv' end
                                     from filled i order by i.nth),
                             p_worker_policy -> 'command_allow') as allowed
  )
  select s.id, x.params, x.run_with, s.params ->> 'role',
         case when s.gone is null then coalesce(s.fault, x.fault) end,
         case when s.gone is null then coalesce(s.fault_code, x.fault_code) end,
         h.reason, h.code, d.digest
    from (select i.*, row_number() over (order by i.nth) as no from filled i) s
   cross join commands c
    -- Plans 1
   cross join lateral (select t.* from ops_missions t where t.id = s.mission_id limit 1) m
    left join lateral (select t.template from ops_mission_proposals t where t.id = m.proposal_id limit 1) p on true
   cross join lateral _expand_preset(s.executor, s.params, p_worker_policy) x
   cross join lateral _digest(jsonb_build_array(s.kind, s.executor, x.run_with, x.params)) d (digest)
   cross join lateral _judge_step(s.kind, s.executor, s.params, p.template ->> 'risk_level', v_auto,
                                  p_worker_policy, c.allowed[s.no]) j
   cross join lateral (
     select case when s.gone is not null then 'OPS_082' when j.forbidden is not null then 'OPS_003'
                 when o.reason is not null then 'OPS_009' end as code,
            coalesce(s.gone, j.forbidden, o.reason) as reason
       from (select case
                      when s.approved_digest = d.digest then null
                      when s.needs_approval then 'it needs the approval of persons'
                      when j.risk > m.approved_risk
                        then format('risk %s is higher than the %s that was approved',
                                    _risk_name(j.risk), _risk_name(m.approved_risk))
                      when m.auto_approved and not j.auto_ok then j.reason
                    end as reason) o) h;
end;
$$;
