create or replace function fn_rotate_api_key(
  p_name text,
  p_digest text,
  p_overlap_minutes integer default 1440,
  p_expires_at timestamptz default null,
  p_actor text default null
)
returns table (key_id uuid, name text, role text, login text, created_at timestamptz, expires_at timestamptz,
               old_expires_at timestamptz)
language plpgsql
security definer
set search_path from current
as $$
-- Makes a new key of the same name, role and login beside the one there is, which expires after p_overlap_minutes:
-- until then both are valid. A third one is not: what was there beside the newest is revoked at once.
-- Locks: the keys of that name. Writes: ops_api_keys, ops_sign_ins, ops_audit_log. Raises: OP012 without a valid key of
-- that name, OP015 for the key of somebody else, OP018 for values that cannot be.
declare
  v_old ops_api_keys;
  v_key ops_api_keys;
begin
  if (p_overlap_minutes between 0 and 44640) is not true then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_overlap_minutes is a whole number from 0 to 44640, not %s', p_overlap_minutes),
      hint = 'Both keys are valid for that long; a day is the default.';
  end if;
  perform _check_api_key(p_digest, p_expires_at);
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ':api key:' || p_name, 0));
  select * into v_old
    from ops_api_keys k
   where k.name = p_name and k.revoked_at is null and (k.expires_at <= _now()) is not true
   order by k.created_at desc, k.id desc limit 1
     for update;
  if not found then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: there is no valid key %s', quote_nullable(p_name)),
      hint = '`opsloop key list` shows the keys there are.';
  end if;
  perform _assert_own_key(v_old.login);
  perform _assert_in_group(v_old.login, v_old.role);
  update ops_api_keys k
     set revoked_at = _now(), revoked_by = _acting_login()
   where k.name = p_name and k.id <> v_old.id and k.revoked_at is null;
  update ops_api_keys k
     set expires_at = least(k.expires_at, _now() + make_interval(mins => p_overlap_minutes))
   where k.id = v_old.id
  returning * into v_old;
  insert into ops_api_keys (id, name, role, login, hash, created_at, created_login, expires_at)
  values (_uuid_v7(), p_name, v_old.role, v_old.login, p_digest, _now(), _acting_login(), p_expires_at)
  returning * into v_key;
  perform _audit('rotate_key', 'key', v_key.id::text, p_actor, null,
    jsonb_build_object('name', p_name, 'role', v_key.role, 'login', v_key.login, 'expires_at', p_expires_at,
                       'old_key', v_old.id, 'old_expires_at', v_old.expires_at));
  return query select v_key.id, v_key.name, v_key.role, v_key.login, v_key.created_at, v_key.expires_at,
                      v_old.expires_at;
end;
$$;
comment on function fn_rotate_api_key(text, text, integer, timestamptz, text) is
  'Makes a new key beside the valid one of that name, which expires after p_overlap_minutes (a day); takes the sha256 '
  'of the new key only; OPS_012 without a valid key of that name, OPS_015 for the key of somebody else, OPS_018 for '
  'values that cannot be.';
