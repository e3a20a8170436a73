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
-- Takes a policy document of the fleet back: an earlier version becomes a new one.
-- Locks, writes, raises: as fn_set_policy; OP002 when there is no such document, OP080 when it has no such version.
declare
  v_current integer;
  v_version integer;
  v_value jsonb;
begin
  perform fn_get_policy(p_key);
  select max(p.version) into v_current from fleet_policies p where p.key = p_key;
  v_version := coalesce(p_version, v_current - 1);
  select p.value into v_value from fleet_policies p where p.key = p_key and p.version = v_version;
  if not found then
    raise exception using errcode = 'OP080', message = format('OPS_080: policy %s has no version %s', p_key, v_version),
      detail = jsonb_build_object('key', p_key, 'version', v_version)::text,
      hint = 'select * from fn_policy_history(key); lists them.';
  end if;
  return fn_set_policy(p_key, v_value, p_actor, v_current, coalesce(p_reason, format('back to version %s', v_version)));
end;
$$;
