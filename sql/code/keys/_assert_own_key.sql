create or replace function _assert_own_key(p_login text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- A key speaks for its login. Whoever is not the control plane makes keys for himself only.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if p_login <> _acting_login() and not _is_control_plane() then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not make a key that speaks for %s', _acting_login(), p_login),
      detail = jsonb_build_object('login', _acting_login(), 'key_login', p_login)::text,
      hint = 'Let the owner of the schema make it: docs/http.md.';
  end if;
end;
$$;
