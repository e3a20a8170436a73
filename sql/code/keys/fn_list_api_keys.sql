create or replace function fn_list_api_keys(p_limit integer default 100, p_ended boolean default false)
returns table (
  key_id uuid,
  name text,
  role text,
  login text,
  status text,
  created_at timestamptz,
  created_login text,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  signed_in bigint
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The keys, newest first; with p_ended also those that expired or were revoked. signed_in: open sign-ins with it.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select k.id, k.name, k.role, k.login, s.status, k.created_at, k.created_login, k.last_used_at, k.expires_at,
         k.revoked_at, k.revoked_by,
         (select count(*) from ops_sign_ins i where i.key_id = k.id and i.expires_at > _now() and s.status = 'valid')
    from ops_api_keys k
   cross join lateral (select case when k.revoked_at is not null then 'revoked' when k.expires_at <= _now()
                                   then 'expired' else 'valid' end) s (status)
   where p_ended or s.status = 'valid'
   order by k.created_at desc, k.id desc
   limit p_limit;
end;
$$;
comment on function fn_list_api_keys(integer, boolean) is
  'The keys of `opsloop serve`, newest first: valid ones, with p_ended also those that expired or were revoked; never '
  'a digest.';
