create or replace function fn_agree_policy(
  p_key text,
  p_value jsonb,
  p_actor text default null,
  p_reason text default null
)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- Agrees to a policy document that lets more run than the one in force, as approval_rules.policy asks; it changes
-- nothing in force. It counts for this document after this version alone. Returns which seats are open, null where
-- nobody has to agree.
-- Locks: the vote. Writes: ops_policy_votes, ops_audit_log. Raises: OP015 may not decide, OP017 with every fault, OP018
-- for a reason of more than 10,000 characters, OP045 for a document that is too large, OP085 no seat, OP088 unknown
-- person.
declare
  v_actor constant text := coalesce(nullif(p_actor, ''), session_user);
  v_login constant text := _person(v_actor);
  v_schema constant jsonb := _policy_schema(p_key);
  v_groups constant text[] := _login_groups(_policy('approval_rules'), v_login);
  v_before jsonb;
  v_version integer;
  v_state jsonb;
begin
  perform _check_policy(p_key, p_value);
  select y.value, y.version into v_before, v_version from ops_policy y where y.key = p_key;
  v_version := coalesce(v_version, 0);
  if v_schema is not null and _loosened('', v_before, p_value, v_schema, v_schema -> '$defs') <> '{}' then
    v_state := _policy_seats(p_key, v_version, p_value, v_login);
  end if;
  if v_state is null then
    return null;
  end if;
  if not exists (select from jsonb_array_elements(v_state -> 'in_force') s
                  where s -> 'groups' ?| array_append(v_groups, '*')) then
    raise exception using errcode = 'OP085',
      message = format('OPS_085: login %s fills no seat of this change of %s: %s', v_login, p_key,
                       _seats_text(v_state, '{}')),
      detail = jsonb_build_object('key', p_key, 'login', v_login, 'groups', v_groups)::text,
      hint = 'Let a member of the groups that approval_rules.policy names agree.';
  end if;
  insert into ops_policy_votes as v (key, version, digest, login, actor, groups, reason, created_at)
  values (p_key, v_version, _digest(p_value), v_login, v_actor, v_groups, p_reason, _now())
  on conflict on constraint ops_policy_votes_pkey do update
    set actor = excluded.actor, groups = excluded.groups, reason = excluded.reason, created_at = excluded.created_at
  where v.groups <> excluded.groups;
  if found then
    perform _audit('agree_policy', 'policy', p_key, v_actor, p_reason,
                   jsonb_build_object('version', v_version, 'digest', _digest(p_value), 'voted_login', v_login));
  end if;
  return _seats_text(v_state, '{}');
end;
$$;
comment on function fn_agree_policy(text, jsonb, text, text) is
  'Agrees, as p_actor (default: the login), to a policy document that lets more run than the one in force, where '
  'approval_rules.policy asks for that; once every seat is filled, fn_set_policy takes the very same document. Returns '
  'which seats are open, null where nobody has to agree. OPS_017 with every fault, OPS_085 no seat for the login.';
