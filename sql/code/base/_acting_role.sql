create or replace function _acting_role()
returns text
language plpgsql
stable
set search_path from current
as $$
-- The role whose rights count for a call: the login of the session or, where it speaks for another one (_acting_login),
-- the group that fn_act_as has set as the role of the transaction. A security definer routine can neither set nor hide
-- that one. Null, which has no rights, where a call speaks for another one without it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if coalesce(current_setting('opsloop.acting_login', true), '') = '' or not _may_speak_for_others() then
    return session_user;
  end if;
  return nullif(current_setting('role'), 'none');
end;
$$;
