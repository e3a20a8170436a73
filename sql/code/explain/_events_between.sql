create or replace function _events_between(p_from timestamptz, p_until timestamptz, p_watched text[], p_most integer)
returns table (id uuid, emitted_at timestamptz, compared_at timestamptz, ready_seq bigint, is_settled boolean)
language plpgsql
stable
set search_path from current
set enable_nestloop = on
set jit = off
as $$
-- Events of these types (LIKE patterns) that were emitted from p_from until before p_until, stored or derived, p_most
-- of them at most, in no order. Each table is read by its times: a mission that succeeded without a stored event did so
-- with the success of a step. is_settled: it was compared with the reaction matrix, and its reactions have been
-- proposed, or it is set aside.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select e.id, e.created_at, coalesce(e.processed_at, e.created_at), e.ready_seq,
         not (e.processed_at is null and exists (select from ops_ready q
                                                  where q.lane = _lane_of('events') and q.seq = e.ready_seq))
         and not exists (select from ops_agent_reactions r
                          where r.event_id = e.id and r.status in ('queued', 'processing'))
    from ops_agent_events e
   where e.created_at >= p_from and e.created_at < p_until
     and e.type not like 'heartbeat:%' and e.type like any (p_watched)
  union all
  select s.id, s.created_at, s.created_at, null, true
    from ops_step_successes s
   where s.created_at >= p_from and s.created_at < p_until and s.type like any (p_watched)
  union all
  select m.id, m.created_at, m.created_at, null, true
    from ops_mission_successes m
   where 'mission:succeeded' like any (p_watched) and m.created_at >= p_from and m.created_at < p_until
     and m.mission_id in (select s.mission_id
                            from ops_action_runs r
                            join ops_mission_steps s on s.id = r.step_id
                           where r.completed_at >= p_from - interval '1 second' and r.completed_at < p_until
                             and r.status = 'succeeded')
   limit p_most;
end;
$$;
