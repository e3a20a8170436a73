create or replace function _park_paused(
  p_step_ids uuid[],
  p_scopes text[],
  p_targets text[],
  p_status text default 'queued'
)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Parks steps, each under the pause that covers it: queued ones, which the caller has taken out of the queue, or
-- waiting ones, which another pause had parked. Returns those it could lock at once and that still were in that status.
-- No mission is locked: nothing of it changes.
-- Locks: the steps, SKIP LOCKED. Writes: what _park_steps writes. Raises: nothing.
declare
  v_ids uuid[];
begin
  select coalesce(array_agg(l.id), '{}') into v_ids
    from (select s.id from ops_mission_steps s
           where s.id = any (p_step_ids) and s.status = p_status
           order by s.id
             for no key update skip locked) l;
  perform _park_steps(array_agg(c.id), 'pause', null, array_agg(_pause_reason(c.scope, c.target, p.reason)),
                      array_agg(c.scope), array_agg(c.target))
     from unnest(p_step_ids, p_scopes, p_targets) c (id, scope, target)
     -- Under one that was lifted meanwhile it is parked all the same: it is out of the queue, and the next heartbeat
     -- puts it back.
     left join ops_pauses p on p.scope = c.scope and p.target = c.target
    where c.id = any (v_ids)
   having count(*) > 0;
  return v_ids;
end;
$$;
