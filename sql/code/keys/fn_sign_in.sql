create or replace function fn_sign_in(p_key text, p_sign_in text, p_minutes integer default 720)
returns table (key_id uuid, name text, role text, login text, expires_at timestamptz)
language plpgsql
security definer
set search_path from current
as $$
-- Signs a browser in with a key: both the key and the new secret in its cookie are given by their digest. What expired
-- meanwhile goes.
-- Locks: none. Writes: ops_sign_ins, ops_api_keys.last_used_at. Raises: as fn_find_caller, and OP018 for values that
-- cannot be.
declare
  v_caller record;
  v_now constant timestamptz := _now();
begin
  if (p_sign_in ~ '^[0-9a-f]{64}$' and p_minutes between 1 and 44640) is not true then
    raise exception using errcode = 'OP018',
      message = case when p_sign_in ~ '^[0-9a-f]{64}$'
                     then format('OPS_018: p_minutes must be from 1 to 44640, not %s',
                                 coalesce(p_minutes::text, 'null'))
                     else 'OPS_018: p_sign_in must be a sha256: 64 of the digits 0 to 9 and a to f' end,
      hint = 'The server draws the secret of a sign-in at random, and passes on its digest.';
  end if;
  select * into v_caller from fn_find_caller(coalesce(p_key, ''));
  delete from ops_sign_ins s where s.expires_at <= v_now;
  return query
  insert into ops_sign_ins as s (hash, key_id, created_at, expires_at)
  values (p_sign_in, v_caller.key_id, v_now, v_now + make_interval(mins => p_minutes))
  returning s.key_id, v_caller.name, v_caller.role, v_caller.login, s.expires_at;
end;
$$;
comment on function fn_sign_in(text, text, integer) is
  'Signs a browser in with a key for p_minutes, both given by the sha256 of their secrets; OPS_091 for a key that is '
  'not or no longer valid.';
