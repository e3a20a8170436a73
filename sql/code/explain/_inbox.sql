create or replace function _inbox(p_proposal_ids uuid[], p_step_ids uuid[])
returns table (
  kind text,
  id uuid,
  mission_id uuid,
  title text,
  status text,
  risk_level text,
  would_run jsonb,
  waits_because text,
  since timestamptz,
  proposed_by text,
  proposed_login text,
  proposers text[],
  votes jsonb,
  decide jsonb,
  digest text,
  seats text,
  rules jsonb,
  expires_at timestamptz,
  rationale text,
  refs jsonb,
  caused_by jsonb
)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The entries of the inbox for those of these proposals and steps that wait for a person, in no order; the others are
-- left out. The columns are those of fn_inbox.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_documents constant ops_policy_documents := _documents_in_force();
  v_policy constant jsonb := v_documents.worker_policy;
  v_schema constant text := quote_ident(current_schema());
  v_verdicts constant record := _verdicts(p_proposal_ids, v_documents);
  v_asks constant boolean := coalesce(_policy('approval_rules') -> 'rules', '[]') <> '[]'
                             or exists (select from ops_approvals);
  v_would_run constant jsonb[] := _would_run(v_verdicts.steps, v_verdicts.slots, v_policy);
begin
  return query
  select 'proposal', p.id, null::uuid, p.title, p.status, p.risk_level, w.would_run,
         case when p.status not in ('pending', 'voting') then 'OPS_061: set to approved by hand; it has no mission'
              -- With the time when the window opens.
              when g.code = 'OPS_003' and p.reason_code = 'OPS_003' and p.gate_after is not null then p.reason
              else coalesce(g.code || ': ' || g.reason, p.reason || ' (policy would allow it by now)') end,
         p.created_at, p.source, p.proposed_login, p.proposers, v.votes,
         case when g.code is null or g.code = 'OPS_009' then jsonb_build_object('approve',
           format('select * from %s.fn_approve_proposal(%s.fn_as_shown(%L, %L));', v_schema, v_schema, p.id, d.digest))
             else '{}' end
         || jsonb_build_object('reject', format('select * from %s.fn_reject_proposal(%L);', v_schema, p.id)),
         d.digest, _seats_text(a.state, p.proposers), a.state -> 'rules', (a.state ->> 'expires_at')::timestamptz,
         p.template ->> 'rationale', p.template -> 'refs', z.cause
    from unnest(v_verdicts.ids, v_verdicts.codes, v_verdicts.reasons, v_verdicts.which) g (id, code, reason, no)
   cross join lateral (select t.* from ops_mission_proposals t where t.id = g.id limit 1) p
   -- A changed template may not be sound: it is shown as it is.
   cross join lateral (
     select case when g.no is null then p.template -> 'steps' else v_would_run[g.no] end as would_run) w
   -- How the steps before ended is part of what is decided on; an event alone never changes.
   cross join lateral (select _caused_by(p.event_id, p.dedupe_key) as cause offset 0) z
   -- Offset 0: it is worked out once, however often it is named.
   cross join lateral (
     select left(_digest(case when z.cause ? 'mission'
                              then jsonb_build_array(w.would_run, p.template -> 'rationale', p.template -> 'refs',
                                                     z.cause)
                              when p.template ?| array['rationale', 'refs']
                              then jsonb_build_array(w.would_run, p.template -> 'rationale', p.template -> 'refs')
                              else w.would_run end), 16) as digest offset 0) d
   cross join lateral (
     select coalesce(jsonb_agg(jsonb_build_object('role', o.agent_role, 'vote', o.vote, 'reason', o.reason)
                               || case when o.decision then jsonb_build_object('login', o.voted_login,
                                                                               'groups', o.groups) else '{}' end
                               order by o.created_at, o.agent_role), '[]') as votes
       from ops_proposal_votes o where o.proposal_id = p.id and (not o.decision or p.status = 'voting')) v
   cross join lateral _approval_state(p, p.risk_level) a (state)
   where p.status in ('pending', 'voting')
      or (p.status in ('approved', 'auto_approved') and p.approved_digest is null);

  return query
  select 'step', s.id, s.mission_id, m.title, s.status, p.risk_level, w.would_run,
         case when c.hold_code = 'OPS_003' then format('OPS_003: %s', c.hold) else s.wait_reason end, q.since, p.source,
         p.proposed_login, p.proposers, k.votes,
         case when c.hold_code = 'OPS_003' then '{}'
              when s.needs_approval or a.state is not null then jsonb_build_object(
                'approve', format('select * from %s.fn_approve_proposal(%s.fn_as_shown(%L, %L));', v_schema, v_schema,
                                  s.id, d.digest),
                'reject', format('select * from %s.fn_reject_proposal(%L);', v_schema, s.id))
              else jsonb_build_object('retry',
                format('select %s.fn_retry_step(%s.fn_as_shown(%L, %L));', v_schema, v_schema, s.id, d.digest)) end
         || case when c.hold_code = 'OPS_009' and (s.kind = 'approval' or a.state is not null) then '{}' else
           jsonb_build_object('succeeded', format('select %s.fn_resolve_step(%L, ''succeeded'');', v_schema, s.id),
                               'failed', format('select %s.fn_resolve_step(%L, ''failed'');', v_schema, s.id)) end,
         d.digest, _seats_text(a.state, o.proposers), a.state -> 'rules', (a.state ->> 'expires_at')::timestamptz,
         p.template ->> 'rationale', p.template -> 'refs', z.cause
    from _claim_verdicts(p_step_ids, -1, v_policy) c
    -- Plans 1
   cross join lateral (select t.* from ops_mission_steps t where t.id = c.step_id limit 1) s
   cross join lateral (select t.* from ops_missions t where t.id = s.mission_id limit 1) m
    join ops_parked_steps q on q.step_id = s.id and q.waits_for = 'person'
    left join lateral (select t.* from ops_mission_proposals t where t.id = m.proposal_id limit 1) p on true
   cross join lateral (select jsonb_build_array(
           jsonb_build_object('key', s.key, 'kind', s.kind, 'executor', s.executor, 'run_with', c.run_with, 'params',
                              c.params)
           || case when c.fault is null then '{}' else jsonb_build_object('fault', c.fault) end) as would_run) w
   cross join lateral (
     select coalesce(_caused_by(p.event_id, p.dedupe_key), '{}')
            || jsonb_build_object('mission', _mission_so_far(m.id)) as cause offset 0) z
   -- What came before it is what an approval in the middle of a mission is about.
   cross join lateral (
     select left(_digest(case when s.needs_approval then jsonb_build_array(w.would_run, z.cause) else w.would_run end),
                 16) as digest offset 0) d
   -- Asked only where it can matter: each answer judges the step once more.
   cross join lateral _step_as_proposal(case when s.needs_approval or v_asks then s.id end) o
   cross join lateral (select case when o.id is not null then _approval_state(o, o.risk_level) end as state) a
   cross join lateral (
     select coalesce(jsonb_agg(jsonb_build_object('role', v.agent_role, 'vote', v.vote, 'reason', v.reason, 'login',
                                                  v.voted_login, 'groups', v.groups)
                               order by v.created_at, v.agent_role), '[]') as votes
       from ops_proposal_votes v where v.proposal_id = s.id and v.decision) k
   where s.status = 'waiting';
end;
$$;
