create or replace function _unblock_steps(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Counts down waiting_on of blocked steps, once for each time that p_step_ids names them. Returns the steps that wait
-- for nothing more; those that are not for a worker yet it parks (_await_turn). The caller queues them by
-- _enqueue_steps, which writes these rows, so they are not written here. The caller holds the locks of their missions,
-- as every routine does that touches a blocked step.
-- Locks: the steps. Writes: ops_mission_steps. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ready uuid[];
  v_ask boolean;
begin
  with counted as materialized (
    select s.id, s.waiting_on - u.n as waiting_on, s.needs_approval or s.on_turn is not null as asks
      from (select id, count(*)::integer as n from unnest(p_step_ids) id group by id) u
     -- Plans 1
     cross join lateral (select t.id, t.status, t.waiting_on, t.needs_approval, t.on_turn
                           from ops_mission_steps t where t.id = u.id limit 1) s
     where s.status = 'blocked'
  ), waits as (
    update ops_mission_steps s
       set waiting_on = c.waiting_on, updated_at = v_now
      from counted c
     -- Plans 2
     where s.id = c.id and c.waiting_on > 0 and s.id = any (array(select o.id from counted o where o.waiting_on > 0))
  )
  select array_agg(c.id), bool_or(c.asks) into v_ready, v_ask from counted c where c.waiting_on <= 0;
  if v_ask then
    update ops_mission_steps s
       set waiting_on = 0
     where s.id = any (v_ready) and (s.needs_approval or s.on_turn is not null);
    v_ready := _await_turn(v_ready);
  end if;
  return v_ready;
end;
$$;
