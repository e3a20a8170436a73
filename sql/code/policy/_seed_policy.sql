create or replace function _seed_policy(p_key text, p_value jsonb)
returns boolean
language plpgsql
set search_path from current
as $$
-- Puts a default policy document in force where there is none, as version 1; true when it did. Safe in any number of
-- sessions at once.
-- Locks: the new rows. Writes: ops_policy, ops_policy_history, ops_audit_log. Raises: OP017 with every fault.
declare
  v_now timestamptz := _now();
  v_login text := session_user::text;
begin
  if exists (select from ops_policy p where p.key = p_key) then
    return false;
  end if;
  perform _check_policy(p_key, p_value);
  insert into ops_policy_history (key, version, value, updated_at, changed_by, changed_login)
  values (p_key, 1, p_value, v_now, 'seed', v_login)
  on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into ops_policy (key, value, version, updated_at, updated_by) values (p_key, p_value, 1, v_now, 'seed');
  perform _audit('set_policy', 'policy', p_key, 'seed', null, jsonb_build_object('version', 1));
  return true;
end;
$$;
