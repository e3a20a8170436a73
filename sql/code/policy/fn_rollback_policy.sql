create or replace function fn_rollback_policy(
  p_key text,
  p_version integer default null,
  p_actor text default null,
  p_reason text default null
)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Takes a policy document back: puts what an earlier version says (null: the one before that in force) in force as a
-- new version, and returns that. It goes through fn_set_policy, so what is no longer valid is refused with every fault.
-- Locks: the row of ops_policy. Writes: ops_policy, ops_policy_history, ops_audit_log.
-- Raises: OP002 when there never was such a document, OP011 when somebody changes it at the same moment, OP080 when it
-- has no such version; as fn_set_policy.
declare
  v_current constant integer := (select p.version from ops_policy p where p.key = p_key);
  v_version constant integer := coalesce(p_version, v_current - 1);
begin
  perform _assert_login_may('fn_rollback_policy(text, integer, text, text)');
  return fn_set_policy(p_key, _policy_version(p_key, v_version), p_actor, v_current,
                       coalesce(p_reason, format('back to version %s', v_version)));
end;
$$;
comment on function fn_rollback_policy(text, integer, text, text) is
  'Takes a policy document back: what an earlier version says, by default the one before that in force, becomes a new '
  'version, whose number is returned. OPS_017 with every fault where it is no longer valid; OPS_080 no such version.';
