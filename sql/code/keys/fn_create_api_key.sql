create or replace function fn_create_api_key(
  p_name text,
  p_role text,
  p_digest text,
  p_login text default null,
  p_expires_at timestamptz default null,
  p_actor text default null
)
returns table (key_id uuid, name text, role text, login text, created_at timestamptz, expires_at timestamptz)
language plpgsql
security definer
set search_path from current
as $$
-- Makes a key for `opsloop serve`. The caller draws the key at random and gives its digest only. The login is a role of
-- the database that is a member of the group, so that a key is never more than its login; whether it still is, is asked
-- again at each call.
-- Locks: none. Writes: ops_api_keys, ops_audit_log. Raises: OP014 for a name in use, OP015 for a login that is somebody
-- else's or not in the group, OP018 for anything else that cannot be.
declare
  v_login constant text := coalesce(nullif(p_login, ''), _acting_login());
  v_key ops_api_keys;
begin
  perform _check_text('p_name', p_name, 100);
  if coalesce(p_name, '') = '' or p_name <> trim(p_name)
     or (p_role in ('reader', 'producer', 'worker', 'operator', 'admin')) is not true then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: a key needs a name and a role, not %s and %s', quote_nullable(p_name),
                       quote_nullable(p_role)),
      hint = 'The role is reader, producer, worker, operator or admin.';
  end if;
  perform _check_api_key(p_digest, p_expires_at);
  perform _assert_own_key(v_login);
  perform _assert_in_group(v_login, p_role);
  -- Two calls at once for one name come one after the other.
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ':api key:' || p_name, 0));
  if exists (select from ops_api_keys k
              where k.name = p_name and k.revoked_at is null and (k.expires_at <= _now()) is not true) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: there is a valid key %s', quote_literal(p_name)),
      hint = 'Rotate it, revoke it, or take another name.';
  end if;
  insert into ops_api_keys (id, name, role, login, hash, created_at, created_login, expires_at)
  values (_uuid_v7(), p_name, p_role, v_login, p_digest, _now(), _acting_login(), p_expires_at)
  returning * into v_key;
  perform _audit('create_key', 'key', v_key.id::text, p_actor, null,
    jsonb_build_object('name', p_name, 'role', p_role, 'login', v_login, 'expires_at', p_expires_at));
  return query select v_key.id, v_key.name, v_key.role, v_key.login, v_key.created_at, v_key.expires_at;
end;
$$;
comment on function fn_create_api_key(text, text, text, text, timestamptz, text) is
  'Makes a key for `opsloop serve`, of which it takes the sha256 only: calls with it act as p_login (default: the '
  'caller''s own) with the rights of the group p_role; OPS_014 for a name in use, OPS_015 for a login that is somebody '
  'else''s or not in the group, OPS_018 for anything else that cannot be.';
