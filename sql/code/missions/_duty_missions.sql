create or replace function _duty_missions(p_limit integer default 1000)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: keeps what approval_rules ask for in steps that were parked for an approval,
-- works their times out anew when the rules have changed, and expires, holds and escalates those that are due; p_limit
-- of each at most. An expired step fails for good.
-- Locks: missions that no other session holds, then their steps; rows of ops_approvals. Writes: ops_approvals,
-- ops_mission_steps, ops_missions, ops_action_runs, ops_agent_events, ops_ready, ops_parked_steps, dead_letter_archive.
-- Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_rules jsonb;
  v_version integer;
  v_asked ops_mission_proposals;
  v_id uuid;
  v_step ops_mission_steps;
  v_approval ops_approvals;
  v_due jsonb;
begin
  select y.value, y.version into v_rules, v_version from ops_policy y where y.key = 'approval_rules';
  if coalesce(v_rules -> 'rules', '[]') = '[]'
     and not exists (select from ops_approvals a where a.next_at <= v_now)
     -- The rules under which a step was parked hold for it, even if they are removed before its approval is stored.
     and not exists (select from ops_parked_steps q
                       join ops_policy_history h
                         on h.key = 'approval_rules' and h.version = q.rules_version and h.value -> 'rules' <> '[]'
                       left join ops_approvals a on a.proposal_id = q.step_id and a.asked_at >= q.since
                      where q.waits_for = 'person' and q.code = 'OPS_009' and a.proposal_id is null) then
    return;
  end if;
  perform _open_step_approval(s)
     from (select q.step_id
             from ops_parked_steps q
             left join ops_approvals a on a.proposal_id = q.step_id and a.asked_at >= q.since
            where q.waits_for = 'person' and q.code = 'OPS_009' and a.proposal_id is null
            order by q.since
            limit p_limit) w
    cross join lateral _step_as_proposal(w.step_id) s
    where s.id is not null;
  for v_asked in
    select (s).*
      from (select q.step_id
              from ops_parked_steps q
              left join ops_approvals a on a.proposal_id = q.step_id
             where q.waits_for = 'person' and q.code = 'OPS_009' and a.seen_version is distinct from v_version
             order by q.since
             limit p_limit) w
     cross join lateral _step_as_proposal(w.step_id) s
     where s.id is not null
  loop
    insert into ops_approvals as a (proposal_id, asked_at, seen_version)
    values (v_asked.id, v_asked.created_at, v_version)
    on conflict (proposal_id) do update set seen_version = excluded.seen_version;
    perform _time_approval(v_asked.id, v_asked.created_at, _required_by(
              v_rules, _approval_facts(v_asked.template, v_asked.source, v_asked.risk_level)));
  end loop;

  for v_id in
    select a.proposal_id
      from ops_approvals a
      join ops_parked_steps q on q.step_id = a.proposal_id
     where a.next_at <= v_now
     order by a.proposal_id
     limit p_limit
  loop
    continue when coalesce(_lock_free_missions(array[v_id]), '{}') = '{}';
    select a.* into v_approval from ops_approvals a where a.proposal_id = v_id for update;
    select s.* into v_step from ops_mission_steps s where s.id = v_id;
    continue when v_step.status <> 'waiting' or v_approval.next_at is null or v_approval.next_at > v_now;
    if v_approval.expires_at <= v_now and v_approval.on_expiry = 'reject' then
      update ops_approvals a set next_at = null where a.proposal_id = v_id;
      perform _end_waiting(v_step, 'failed', null, 'approval_rules',
                           format('OPS_087: nobody decided until %s', date_trunc('second', v_approval.expires_at)),
                           null);
      continue;
    end if;
    v_due := (select coalesce(jsonb_agg(e order by e -> 'at', e), '[]')
                from jsonb_array_elements(v_approval.escalations) e where (e ->> 'at')::timestamptz <= v_now);
    update ops_approvals a
       set escalated = a.escalated || v_due,
           escalations = (select coalesce(jsonb_agg(e), '[]') from jsonb_array_elements(a.escalations) e
                           where not v_due @> jsonb_build_array(e)),
           held_at = case when a.expires_at <= v_now then v_now else a.held_at end,
           expires_at = case when a.expires_at > v_now then a.expires_at end,
           next_at = least(case when a.expires_at > v_now then a.expires_at end,
                           (select min((e ->> 'at')::timestamptz) from jsonb_array_elements(a.escalations) e
                             where (e ->> 'at')::timestamptz > v_now))
     where a.proposal_id = v_id;
    perform _emit_loop_events(
              array_agg(format('step:%s:escalated', v_step.kind)),
              array_agg(jsonb_build_object('step_id', v_id, 'mission_id', v_step.mission_id, 'key', v_step.key,
                                           'rule', e -> 'rule', 'group', e -> 'group')),
              array_agg(v_step.mission_id), array_agg(v_step.depth))
       from jsonb_array_elements(v_due) e
     having count(*) > 0;
  end loop;
end;
$$;
