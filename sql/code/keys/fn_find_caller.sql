create or replace function fn_find_caller(
  p_key text default null,
  p_sign_in text default null,
  p_login text default null,
  p_role text default null,
  p_proxy text default null,
  out key_id uuid,
  out name text,
  out role text,
  out login text,
  out group_name text
)
language plpgsql
security definer
set search_path from current
as $$
-- Whose call it is: the login and group behind a key or a sign-in, both given by their digest; p_login by the word of
-- the proxy at the address p_proxy, if the policy document sign_in trusts it and gives that login a role; or p_login
-- (null: the server's own) with p_role, for what a server does by itself. Asked at every call, so that a key ends at
-- once when it is revoked, or when its login has left the group.
-- Locks: the row of the key once a minute, without waiting. Writes: ops_api_keys.last_used_at, where the transaction
-- may write. Raises: OP091 for a key or sign-in that is not or no longer valid, OP015 for a login that may less.
declare
  v_now constant timestamptz := _now();
  v_key ops_api_keys;
begin
  if p_proxy is not null then
    role := case when coalesce(_policy('sign_in') -> 'proxies' ? p_proxy, false)
                 then _policy('sign_in') -> 'roles' ->> p_login end;
    if role is null then
      raise exception using errcode = 'OP091',
        message = format('OPS_091: nobody signs in as %s by the word of a proxy at %s', quote_nullable(p_login),
                         p_proxy),
        hint = 'The policy document sign_in says which proxies are believed, and about whom.';
    end if;
    login := p_login;
    name := login;
  elsif p_key is null and p_sign_in is null then
    login := coalesce(p_login, session_user);
    name := login;
    role := p_role;
  else
    select k.* into v_key
      from ops_api_keys k
     where k.id = (select o.id from ops_api_keys o where o.hash = p_key
                   union all
                   select s.key_id from ops_sign_ins s where s.hash = p_sign_in and s.expires_at > v_now
                   limit 1)
       and k.revoked_at is null and (k.expires_at <= v_now) is not true;
    if not found then
      raise exception using errcode = 'OP091',
        message = case when p_key is null then 'OPS_091: not signed in, or no longer'
                       else 'OPS_091: the key is not known, has expired or was revoked' end,
        hint = 'Keys are made by `opsloop key create`.';
    end if;
    key_id := v_key.id;
    name := v_key.name;
    role := v_key.role;
    login := v_key.login;
    if (v_key.last_used_at > v_now - interval '1 minute') is not true
       and current_setting('transaction_read_only') = 'off' then
      update ops_api_keys k
         set last_used_at = v_now
       where k.id = (select l.id from ops_api_keys l where l.id = v_key.id for update skip locked);
    end if;
  end if;
  perform _assert_in_group(login, role);
  group_name := _role_name(role);
end;
$$;
comment on function fn_find_caller(text, text, text, text, text) is
  'The login and group behind a key or a sign-in, given by the sha256 of its secret, or of a login that a trusted '
  'proxy or the server vouches for; OPS_091 for one that is not or no longer valid, OPS_015 for a login that may less '
  'than the role.';
