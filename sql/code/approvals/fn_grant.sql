create or replace function fn_grant(
  p_match jsonb,
  p_until timestamptz default null,
  p_actor text default null,
  p_reason text default null,
  p_uses integer default null
)
returns uuid
language plpgsql
security definer
set search_path from current
as $$
-- Gives the login's vote beforehand for all that matches, until p_until (default: two hours, at most 31 days) and
-- p_uses times (default 20, at most 1,000); then it asks again. It counts as that login's vote would, when it is used:
-- it fills no seat that the login could not fill, and starts nothing that the login proposed.
-- Locks: none. Writes: ops_grants, ops_audit_log. Raises: OP015 may not decide, OP018 with every fault, OP088 unknown
-- person.
declare
  v_now constant timestamptz := _now();
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
  v_login constant text := _person(v_actor);
  v_until constant timestamptz := coalesce(p_until, v_now + interval '2 hours');
  v_uses constant integer := coalesce(p_uses, 20);
  v_faults text[] := _grant_faults(p_match);
  v_id uuid := _uuid_v7();
begin
  perform _assert_login_may('fn_approve_proposal(uuid, text, text)');
  perform _check_template('p_match', p_match, 'policy_bytes');
  v_faults := v_faults
    || case when v_until <= v_now or v_until > v_now + interval '31 days'
            then array['p_until: must be within the next 31 days'] end
    || case when v_uses not between 1 and 1000 then array['p_uses: must be from 1 to 1000'] end;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Nothing was granted. Mend every fault listed in the detail.';
  end if;
  perform _audit('grant', 'grant', v_id::text, v_actor, p_reason,
    jsonb_build_object('match', p_match, 'until', v_until, 'uses', v_uses, 'granted_login', v_login));
  insert into ops_grants (id, match, until, max_uses, granted_login, granted_by, reason, created_at)
  values (v_id, p_match, v_until, v_uses, v_login, v_actor, p_reason, v_now);
  return v_id;
end;
$$;
comment on function fn_grant(jsonb, timestamptz, text, text, integer) is
  'Gives the vote of p_actor''s login beforehand for all that matches p_match ({"digest"}, {"command"} or {"kinds"}, '
  'with "sources" and "max_risk"), until p_until (default two hours) and p_uses times (default 20); returns the id. '
  'OPS_015 may not decide, OPS_018 with every fault, OPS_088 unknown person.';
