create or replace function _policy_version(p_key text, p_version integer)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The content of a version of a policy document.
-- Locks: none. Writes: nothing. Raises: OP002 when there never was such a document, OP080 when it has no such version.
declare
  v_value jsonb;
  v_last integer;
begin
  select h.value into v_value from ops_policy_history h where h.key = p_key and h.version = p_version;
  if found then
    return v_value;
  end if;
  select max(h.version) into v_last from ops_policy_history h where h.key = p_key;
  if v_last is null then
    -- Raises for a document that there is not.
    perform fn_get_policy(p_key);
  end if;
  raise exception using errcode = 'OP080',
    message = format('OPS_080: policy %s has no version %s', p_key, coalesce(p_version::text, 'null')),
    detail = jsonb_build_object('key', p_key, 'version', p_version, 'last_version', v_last)::text,
    hint = format('Its versions are 1 to %s: fn_policy_history has what each of them says.', v_last);
end;
$$;
