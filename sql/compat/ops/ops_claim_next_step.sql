create or replace function ops_claim_next_step(p_lease_minutes integer default 5)
returns setof ops_mission_steps
language plpgsql
set search_path from current
as $$
-- As fn_claim_steps for one step, as its row, with its params filled in; under the name that the reference loop has,
-- with the rights of the caller. Its worker ends the step by UPDATE, which the sweep of the heartbeat takes up.
-- Locks, Writes, Raises: as there.
declare
  v_claimed record;
  v_step ops_mission_steps;
begin
  select c.* into v_claimed from fn_claim_steps('ops:' || session_user, 1, p_lease_minutes * 60) c;
  if not found then
    return;
  end if;
  select s.* into v_step from ops_mission_steps s where s.id = v_claimed.step_id;
  v_step.params := v_claimed.params;
  return next v_step;
end;
$$;
