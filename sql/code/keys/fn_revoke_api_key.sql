create or replace function fn_revoke_api_key(p_name text, p_actor text default null, p_reason text default null)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Ends all valid keys of a name, and whoever is signed in with one of them. Returns how many keys.
-- Locks: the keys of that name. Writes: ops_api_keys, ops_sign_ins, ops_audit_log. Raises: OP012 for a name that no key
-- ever had.
declare
  v_ids uuid[];
begin
  if not exists (select from ops_api_keys k where k.name = p_name) then
    raise exception using errcode = 'OP012', message = format('OPS_012: there is no key %s', quote_nullable(p_name)),
      hint = '`opsloop key list` shows the keys there are.';
  end if;
  with ended as (
    update ops_api_keys k
       set revoked_at = _now(), revoked_by = _acting_login()
     where k.name = p_name and k.revoked_at is null and (k.expires_at <= _now()) is not true
    returning k.id
  )
  select coalesce(array_agg(e.id), '{}') into v_ids from ended e;
  delete from ops_sign_ins s where s.key_id = any (v_ids);
  if v_ids <> '{}' then
    perform _audit('revoke_key', 'key', v_ids[1]::text, p_actor, p_reason,
      jsonb_build_object('name', p_name, 'keys', to_jsonb(v_ids)));
  end if;
  return cardinality(v_ids);
end;
$$;
comment on function fn_revoke_api_key(text, text, text) is
  'Ends all valid keys of a name at once, and every sign-in with one of them, and returns how many keys; OPS_012 for a '
  'name that no key ever had.';
