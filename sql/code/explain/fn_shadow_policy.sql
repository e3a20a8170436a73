create or replace function fn_shadow_policy(
  p_key text,
  p_value jsonb default null,
  p_actor text default null,
  p_reason text default null
)
returns boolean
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Sets a document beside the one in force: it decides nothing, and the heartbeat judges by it what is proposed from now
-- on. p_value null: ends it, with what it found. Returns whether that changed anything; the same document once more
-- does not begin anew.
-- Locks: the row of ops_policy_shadows. Writes: ops_policy_shadows, ops_shadow_counts, ops_shadow_decisions,
-- ops_audit_log. Raises: OP015 may not set policy, OP017 with every fault, OP018 for a document that has no shadow,
-- OP031 while a heartbeat judges by it, OP045 for a document that is too large.
declare
  c_keys constant text[] := array['auto_approve', 'proposal_caps', 'worker_policy', 'agent_roles', 'approval_rules'];
  v_now constant timestamptz := _now();
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
begin
  perform _assert_login_may('fn_set_policy(text, jsonb, text, integer, text)');
  if p_key is null or p_key <> all (c_keys) then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s has no shadow', quote_nullable(p_key)),
      detail = jsonb_build_object('known', c_keys)::text,
      hint = 'Only documents that judge proposals have one; fn_dry_run_policy tries a reaction_matrix.';
  end if;
  if p_value is not null then
    perform _check_policy(p_key, p_value);
    if exists (select from ops_policy_shadows s where s.key = p_key and s.value::text = p_value::text) then
      return false;
    end if;
  end if;
  begin
    delete from ops_policy_shadows s where s.key = p_key;
    if not found and p_value is null then
      return false;
    end if;
    if p_value is not null then
      insert into ops_policy_shadows (key, value, set_by, reason, since, judged_to, next_at)
      values (p_key, p_value, v_actor, p_reason, v_now, v_now, v_now);
    end if;
  exception when lock_not_available then
    perform _raise_held(format('the shadow of %s', p_key), 'ops_policy_shadows');
  end;
  delete from ops_shadow_counts c where c.key = p_key;
  delete from ops_shadow_decisions d where d.key = p_key;
  perform _audit(case when p_value is null then 'end_shadow' else 'shadow_policy' end, 'policy', p_key, v_actor,
                 p_reason);
  return true;
end;
$$;
comment on function fn_shadow_policy(text, jsonb, text, text) is
  'Sets a document beside the one in force, as p_actor (default: the login): it decides nothing, and what is proposed '
  'from now on is judged by it, too. p_value null ends it. Returns whether anything changed. OPS_017 with every fault, '
  'OPS_018 for a document that has no shadow, OPS_031 while a heartbeat judges by it.';
