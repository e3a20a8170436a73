create or replace function _broken_missions(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Missions whose status or counters do not follow from their steps, of those with an id above p_after and up to p_upto.
-- Steps that were deleted by hand after their end are no fault of the mission. Reads these and their steps.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with counted as (
    select m.*, c.*
      from ops_missions m
     cross join lateral (
       select count(*) as total,
              count(*) filter (where s.status in ('blocked', 'queued', 'running', 'waiting')) as live,
              count(*) filter (where s.status = 'failed') as failed,
              count(*) filter (where s.status = 'failed' and s.on_failure = 'fail') as fatal,
              count(*) filter (where s.status in ('running', 'succeeded')) as begun
         from ops_mission_steps s where s.mission_id = m.id) c
     where m.id > p_after and m.id <= p_upto
  )
  select '3 missions follow from their steps', 'mission ' || c.id::text, f.fault
    from counted c
   cross join lateral (values
     (case when c.steps_open <> c.live
           then format('steps_open is %s, but %s steps have not ended', c.steps_open, c.live) end),
     (case when c.total = c.steps_total and c.steps_failed <> c.failed
           then format('steps_failed is %s, but %s steps have failed', c.steps_failed, c.failed) end),
     (case when c.total > c.steps_total
           then format('steps_total is %s, but there are %s steps', c.steps_total, c.total) end),
     (case when (c.completed_at is null) <> (c.status in ('approved', 'running'))
           then format('%s with completed_at %s', c.status, coalesce(c.completed_at::text, 'null')) end),
     (case
        when c.status = 'approved' and c.begun > 0 then 'approved, but a step has begun'
        when c.status in ('approved', 'running') and c.live = 0 then format('%s, but all steps have ended', c.status)
        when c.status in ('approved', 'running') and c.fatal > 0
             then format('%s, but a step has failed for good', c.status)
        when c.status = 'succeeded' and c.live > 0 then format('succeeded, but %s steps have not ended', c.live)
        when c.status = 'succeeded' and c.fatal > 0 then 'succeeded, but a step has failed for good'
        when c.status = 'failed' and c.total = c.steps_total and c.fatal = 0
             then 'failed, but no step has failed for good'
      end)) f (fault)
   where f.fault is not null;
end;
$$;
