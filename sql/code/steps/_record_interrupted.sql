create or replace function _record_interrupted(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Records, as lost, the attempts that an UPDATE by hand took from their workers: those of steps that no longer run and
-- whose last attempt has no end on record. So each run is on record under its own number, and a late report of the
-- worker is filed under that one. The caller holds the locks of the steps.
-- Locks: none of its own. Writes: ops_action_runs, ops_mission_steps. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ids uuid[];
begin
  select array_agg(s.id) into v_ids
    from ops_mission_steps s
   where s.id = any (p_step_ids) and s.status <> 'running' and s.attempt > 0
     and not exists (select from ops_action_runs r
                      where r.step_id = s.id and r.attempt = s.attempt and r.status <> 'fenced');
  if v_ids is not null then
    perform _record_attempts(v_ids, 'lost', v_now,
                             array(select format('set to %s by hand while it ran', s.status)
                                     from unnest(v_ids) with ordinality n (id, ord)
                                     join ops_mission_steps s on s.id = n.id and s.id = any (v_ids)
                                    order by n.ord));
  end if;
  update ops_mission_steps s
     set lease_expires_at = null
   where s.id = any (p_step_ids) and s.status <> 'running' and s.lease_expires_at is not null;
end;
$$;
