create or replace function _begin_waits(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For parked steps that no worker runs, and that are about to end: each gets its one attempt, from when it was parked,
-- under a lease that nobody is told of. So they end as steps of workers do. Returns the tokens, in the order of the
-- steps. The caller holds the missions and their steps.
-- Locks: none of its own. Writes: ops_mission_steps, ops_missions, ops_parked_steps. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_epoch constant integer := (select c.epoch from ops_control c);
  v_tokens constant uuid[] := array(select gen_random_uuid() from unnest(p_step_ids));
begin
  update ops_missions m
     set status = 'running', started_at = v_now, updated_at = v_now
   where m.id = any (array(select s.mission_id from ops_mission_steps s where s.id = any (p_step_ids)))
     and m.status = 'approved';
  update ops_mission_steps s
     set status = 'running', attempt = s.attempt + 1, worker_id = 'opsloop', lease_token = n.token,
         lease_epoch = v_epoch, reserved_at = n.since, max_retries = coalesce(s.max_retries, 1), wait_reason = null
    from (select i.id, i.token, q.since
            from unnest(p_step_ids, v_tokens) i (id, token)
            -- Plans 1
            left join lateral (select t.since from ops_parked_steps t where t.step_id = i.id limit 1) q on true) n
   -- Plans 2
   where s.id = n.id and s.id = any (p_step_ids);
  perform _unpark_steps(p_step_ids);
  return v_tokens;
end;
$$;
