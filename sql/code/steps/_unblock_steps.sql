create or replace function _unblock_steps(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Counts down what blocked steps wait for, once per mention in p_step_ids; returns those that wait for nothing more.
-- The caller holds the locks of their missions, which everybody takes who touches a blocked step.
-- Locks: the steps. Writes: ops_mission_steps. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ready uuid[];
begin
  with counted as (
    update ops_mission_steps s
       set waiting_on = s.waiting_on - u.n, updated_at = v_now
      from (select id, count(*)::integer as n from unnest(p_step_ids) id group by id) u
     where s.id = u.id and s.status = 'blocked'
    returning s.id, s.waiting_on
  )
  select array_agg(c.id) into v_ready from counted c where c.waiting_on <= 0;
  return v_ready;
end;
$$;
