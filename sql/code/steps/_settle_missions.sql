create or replace function _settle_missions(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes status and counters of missions follow from their steps, after anything but a plain success. A mission with a
-- failed step without on_failure continue fails at once, and its open steps end with it. The caller holds the locks of
-- the missions and of all their steps.
-- Locks: none of its own. Writes: ops_missions, ops_agent_events, and what _cancel_steps writes. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_failing uuid[];
  v_ended record;
begin
  -- A statement of its own: as a condition of each step it would cost the square of the number of steps.
  select array_agg(distinct m.id) into v_failing
    from ops_mission_steps f
   -- Plans 1
   cross join lateral (select t.id, t.status from ops_missions t where t.id = f.mission_id limit 1) m
   where f.mission_id = any (p_mission_ids) and f.status = 'failed' and f.on_failure = 'fail'
     and m.status in ('approved', 'running');
  if v_failing is not null then
    perform _cancel_steps(v_failing, 'its mission failed');
  end if;

  with counted as (
    select s.mission_id,
           count(*) filter (where s.status in ('blocked', 'queued', 'waiting', 'running'))::integer as open,
           count(*) filter (where s.status = 'failed')::integer as failed,
           min(array[format('step %s failed: %s', s.key, s.last_error), s.last_error_code])
             filter (where s.status = 'failed' and s.on_failure = 'fail') as error
      from ops_mission_steps s
     where s.mission_id = any (p_mission_ids)
     group by s.mission_id
  ), settled as (
    update ops_missions m
       set steps_open = c.open, steps_failed = c.failed, updated_at = v_now,
           error = case when m.status in ('approved', 'running') then c.error[1]
                        when m.status = 'failed' then coalesce(c.error[1], m.error) else m.error end,
           error_code = case when m.status in ('approved', 'running') or (m.status = 'failed' and c.error is not null)
                             then c.error[2] else m.error_code end,
           status = case when m.status not in ('approved', 'running') then m.status
                         when c.error is not null then 'failed'
                         when c.open = 0 then 'succeeded'
                         else m.status end,
           completed_at = case when m.status in ('approved', 'running') and (c.error is not null or c.open = 0)
                               then v_now else m.completed_at end,
           -- Of one that has ended before, the event stays what it was.
           end_told = m.end_told or m.status in ('approved', 'running')
      from counted c
     -- Plans 2
     where m.id = c.mission_id and m.id = any (p_mission_ids)
    returning m.*
  )
  select array_agg('mission:' || m.status) as types,
         array_agg(_mission_event(m.id, m.title, m.proposal_id, m.steps_total)
                   || jsonb_build_object('error', m.error)) as data,
         array_agg(m.id) as ids, array_agg(m.depth) as depths,
         array_agg(m.parent_step_id) filter (where m.parent_step_id is not null) as parents
    into v_ended
    from settled m
   where m.status in ('succeeded', 'failed') and m.completed_at = v_now;
  if v_ended.ids is not null then
    perform _emit_loop_events(v_ended.types, v_ended.data, v_ended.ids, v_ended.depths);
    perform _tell_parents(v_ended.parents);
  end if;
end;
$$;
