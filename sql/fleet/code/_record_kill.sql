create or replace function _record_kill(p_actor text, p_reason text)
returns integer[]
language plpgsql
set search_path from current
as $$
-- Writes a kill down and returns all nodes. One that is in force already is no new one.
-- Locks: fleet_state. Writes: fleet_pauses, fleet_state. Raises: nothing.
begin
  perform _change();
  if not exists (select from fleet_pauses p where p.scope = 'all' and p.kill) then
    insert into fleet_pauses (scope, kill, reason, paused_by)
    values ('all', true, p_reason, coalesce(p_actor, session_user))
    on conflict (scope, target) do update
      set kill = true, reason = excluded.reason, paused_by = excluded.paused_by, paused_login = excluded.paused_login,
          paused_at = excluded.paused_at;
    update fleet_state set kills = kills + 1;
  end if;
  return _nodes();
end;
$$;
