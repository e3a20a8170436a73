create or replace function _duty_approvals(p_limit integer default 1000)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: expires, holds and escalates proposals that are due, and works their times out
-- anew when approval_rules have changed; p_limit of each at most, the rest in the next turn.
-- Locks: proposals, SKIP LOCKED; then rows of ops_approvals. Writes: ops_mission_proposals, ops_approvals,
-- ops_agent_events, ops_ready, outbox. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_rules jsonb;
  v_version integer;
  v_proposal ops_mission_proposals;
  v_approval ops_approvals;
  v_due jsonb;
  v_types text[] := '{}'::text[];
  v_ids uuid[] := '{}'::uuid[];
  v_data jsonb[] := '{}'::jsonb[];
begin
  select y.value, y.version into v_rules, v_version from ops_policy y where y.key = 'approval_rules';
  for v_proposal in
    select p.*
      from ops_mission_proposals p
      left join ops_approvals a on a.proposal_id = p.id
     where p.status in ('pending', 'voting') and p.reason_code = 'OPS_009'
       and a.seen_version is distinct from v_version
       and (a.proposal_id is not null or v_rules -> 'rules' <> '[]')
     order by p.created_at
     limit p_limit
       for update of p skip locked
  loop
    insert into ops_approvals as a (proposal_id, asked_at, seen_version)
    values (v_proposal.id, v_proposal.created_at, v_version)
    on conflict (proposal_id) do update set seen_version = excluded.seen_version
    returning a.* into v_approval;
    perform _time_approval(v_proposal.id, v_approval.asked_at, _required_by(
              v_rules, _approval_facts(v_proposal.template, v_proposal.source, v_proposal.risk_level)));
  end loop;

  for v_proposal in
    select p.*
      from ops_mission_proposals p
     where p.id in (select a.proposal_id from ops_approvals a where a.next_at <= v_now order by a.next_at limit p_limit)
     order by p.id
       for update skip locked
  loop
    select a.* into v_approval from ops_approvals a where a.proposal_id = v_proposal.id for update;
    continue when v_approval.next_at is null or v_approval.next_at > v_now;
    if v_proposal.status not in ('pending', 'voting') then
      update ops_approvals a set next_at = null where a.proposal_id = v_proposal.id;
    elsif v_approval.expires_at <= v_now and v_approval.on_expiry = 'reject' then
      update ops_mission_proposals p
         set status = 'expired', reason = format('OPS_087: nobody decided until %s',
                                                 date_trunc('second', v_approval.expires_at)),
             reason_code = 'OPS_087', decided_by = 'approval_rules', updated_at = v_now
       where p.id = v_proposal.id;
      update ops_approvals a set next_at = null where a.proposal_id = v_proposal.id;
      v_types := v_types || text 'proposal:expired';
      v_ids := v_ids || v_proposal.id;
      v_data := v_data || jsonb '{}';
    else
      if v_approval.expires_at <= v_now then
        update ops_approvals a set held_at = v_now, expires_at = null where a.proposal_id = v_proposal.id;
        update ops_mission_proposals p set status = 'pending', updated_at = v_now where p.id = v_proposal.id;
        v_types := v_types || text 'proposal:held';
        v_ids := v_ids || v_proposal.id;
        v_data := v_data || jsonb '{}';
      end if;
      v_due := (select coalesce(jsonb_agg(e order by e -> 'at', e), '[]')
                  from jsonb_array_elements(v_approval.escalations) e where (e ->> 'at')::timestamptz <= v_now);
      update ops_approvals a
         set escalated = a.escalated || v_due,
             escalations = (select coalesce(jsonb_agg(e), '[]') from jsonb_array_elements(a.escalations) e
                             where not v_due @> jsonb_build_array(e)),
             next_at = least(a.expires_at, (select min((e ->> 'at')::timestamptz)
                                              from jsonb_array_elements(a.escalations) e
                                             where (e ->> 'at')::timestamptz > v_now))
       where a.proposal_id = v_proposal.id;
      select v_types || array_agg(coalesce(e ->> 'event', 'proposal:escalated')),
             v_ids || array_agg(v_proposal.id),
             v_data || array_agg(jsonb_build_object('rule', e -> 'rule', 'group', e -> 'group'))
        into v_types, v_ids, v_data
        from jsonb_array_elements(v_due) e;
    end if;
  end loop;
  -- Rows whose proposal is gone have nothing left to be timed.
  update ops_approvals a
     set next_at = null
   where a.proposal_id in (select o.proposal_id from ops_approvals o
                            where o.next_at <= v_now
                              and not exists (select from ops_mission_proposals p where p.id = o.proposal_id)
                              and not exists (select from ops_parked_steps q where q.step_id = o.proposal_id)
                            limit p_limit);
  perform _tell_approvals(v_types, v_ids, v_data);
end;
$$;
