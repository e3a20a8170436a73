create or replace function _needed_missions(p_ids uuid[])
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Those of these ended missions that something open still refers to: an event of theirs that waits, a reaction, a
-- proposal or a mission that came of them, at any depth, and is open; a mission above them that is open, whose step may
-- be retried; or a run of sub-agents whose results are not stored yet.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    with recursive came (root, mission_id, is_open) as (
      select m.id, m.id,
             exists (select from sub_agent_runs r where r.proposal_id = m.proposal_id and r.open)
             -- The mission of a step that has not seen its end yet.
             or exists (select from ops_child_missions w where w.proposal_id = m.proposal_id)
             or m.parent_step_id is not null and exists (
               with recursive above (parent_step_id, is_open) as (
                 select m.parent_step_id, false
                 union
                 select t.parent_step_id, t.status in ('approved', 'running')
                   from above b
                  cross join lateral (select o.mission_id from ops_mission_steps o
                                       where o.id = b.parent_step_id limit 1) s
                  cross join lateral (select n.parent_step_id, n.status from ops_missions n
                                       where n.id = s.mission_id limit 1) t
                  where not b.is_open)
               select from above b where b.is_open)
        from ops_missions m where m.id = any (p_ids)
      union
      select c.root, x.mission_id, x.is_open
        from came c
       cross join lateral (
         select n.id as mission_id,
                e.processed_at is null or coalesce(a.status in ('queued', 'processing'), false)
                or coalesce(p.status in ('pending', 'voting'), false)
                or coalesce(n.status in ('approved', 'running'), false) as is_open
           from ops_agent_events e
           left join ops_agent_reactions a on a.event_id = e.id
           left join ops_mission_proposals p on p.id = a.proposal_id
           left join ops_missions n on n.proposal_id = p.id
          where e.mission_id = c.mission_id
         union all
         -- What a step proposed. Its first proposal has number 1.
         select n.id, p.status in ('pending', 'voting') or coalesce(n.status in ('approved', 'running'), false)
           from ops_mission_steps s
           join ops_mission_proposals f on f.dedupe_key = 'opsloop:step:' || s.id::text || ':1'
          cross join generate_series(1, 20) i
           join ops_mission_proposals p on p.dedupe_key = format('opsloop:step:%s:%s', s.id, i)
           left join ops_missions n on n.proposal_id = p.id
          where s.mission_id = c.mission_id) x
       where not c.is_open and c.mission_id is not null
    )
    select distinct c.root from came c where c.is_open);
end;
$$;
