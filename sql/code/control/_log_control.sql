create or replace function _log_control(p_action text, p_scope text, p_target text, p_actor text, p_reason text, p_detail jsonb)
returns void
language plpgsql
set search_path from current
as $$
-- Writes down who stopped or resumed what, and what came of it.
-- Locks: none. Writes: ops_control_log. Raises: nothing.
begin
  insert into ops_control_log (action, scope, target, actor, login, reason, detail, created_at)
  values (p_action, p_scope, p_target, coalesce(p_actor, session_user), session_user, p_reason, p_detail, _now());
end;
$$;
