create or replace function _acting_login()
returns text
language plpgsql
stable
set search_path from current
as $$
-- For whom a call speaks: the login of the session or, where that login may speak for others (_may_speak_for_others),
-- the one that fn_act_as has set for this transaction. Separation of duty, records and rights are judged on it. Any
-- other login that sets opsloop.acting_login speaks for itself.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_login constant text := nullif(current_setting('opsloop.acting_login', true), '');
begin
  return case when v_login is not null and _may_speak_for_others() then v_login else session_user end;
end;
$$;
