create or replace function _park_steps(p_step_ids uuid[], p_scopes text[], p_targets text[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Parks queued steps, which the caller has taken out of the queue, each under the pause that covers it. Returns those it
-- could lock at once and that were still queued. No mission is locked: nothing of it changes.
-- Locks: the steps, SKIP LOCKED. Writes: ops_mission_steps, ops_paused_steps. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ids uuid[];
begin
  select coalesce(array_agg(l.id), '{}') into v_ids
    from (select s.id from ops_mission_steps s
           where s.id = any (p_step_ids) and s.status = 'queued'
           order by s.id
             for no key update skip locked) l;
  update ops_mission_steps s
     set status = 'waiting', updated_at = v_now,
         wait_reason = concat('paused: ', c.scope, ' ', c.target, ': ' || p.reason)
    from unnest(p_step_ids, p_scopes, p_targets) c (id, scope, target)
    -- One that was lifted meanwhile is parked all the same: it is out of the queue, and the next heartbeat puts it back.
    left join ops_pauses p on p.scope = c.scope and p.target = c.target
   where s.id = c.id and s.id = any (v_ids);
  insert into ops_paused_steps (step_id, scope, target, parked_at)
  select c.id, c.scope, c.target, v_now
    from unnest(p_step_ids, p_scopes, p_targets) c (id, scope, target)
   where c.id = any (v_ids)
  on conflict (step_id) do update set scope = excluded.scope, target = excluded.target, parked_at = excluded.parked_at;
  return v_ids;
end;
$$;
