create or replace function fn_act_as(
  p_key text default null,
  p_sign_in text default null,
  p_login text default null,
  p_role text default null,
  p_proxy text default null,
  p_read_only boolean default false,
  out key_id uuid,
  out name text,
  out role text,
  out login text
)
language plpgsql
set search_path from current
as $$
-- Makes the rest of the transaction a call of another login (_acting_login), with the rights of one group and no
-- others. It runs with the rights of its caller, since a security definer routine may not set a role: only a login that
-- is a member of the five groups, and may speak for others, gets through.
-- Locks: as fn_find_caller. Writes: as that. Raises: as that.
declare
  v_group text;
begin
  select c.key_id, c.name, c.role, c.login, c.group_name into key_id, name, role, login, v_group
    from fn_find_caller(p_key, p_sign_in, p_login, p_role, p_proxy) c;
  perform set_config('opsloop.acting_login', login, true), set_config('role', v_group, true);
  if p_read_only then
    perform set_config('transaction_read_only', 'on', true);
  end if;
end;
$$;
comment on function fn_act_as(text, text, text, text, text, boolean) is
  'Makes the rest of the transaction a call of the login behind a key or a sign-in, given by the sha256 of its secret, '
  'with the rights of its group and no others, and with p_read_only without writes; OPS_091 for one that is not or no '
  'longer valid.';
