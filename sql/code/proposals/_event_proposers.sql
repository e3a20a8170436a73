create or replace function _event_proposers(p_event_ids uuid[])
returns table (event_id uuid, login text, proposers text[])
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Whose proposal that is which comes of an event. login: the one that emitted it, or took the decision it tells of;
-- null for the loop's own. proposers: that login; those that proposed the mission that made the event, or of which it
-- is said to be, and those that resolved a step of that mission; those of the proposal that a proposal:… tells of; and
-- those that had a hand in the schedule whose tick it is. So a mission hands its proposers on to all that it causes,
-- from one event to the next.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select e.id, e.emitted_login,
         array(select distinct l
                 from unnest(array_append(p.proposers || m.resolved_logins || h.proposers, e.emitted_login)) l
                where l is not null
                order by 1)
    from (select distinct n.id from unnest(p_event_ids) n (id)) n
   -- Plans 1
   cross join lateral (select t.* from ops_agent_events t where t.id = n.id limit 1) e
    left join lateral (select t.proposal_id, t.resolved_logins from ops_missions t where t.id = e.mission_id
                        limit 1) m on true
    left join lateral (
      select t.proposers
        from ops_mission_proposals t
       where t.id = case when e.type like 'proposal:%' then (e.data ->> 'proposal_id')::uuid else m.proposal_id end
       limit 1) p on true
    left join lateral (select t.proposers
                         from ops_schedules t
                        where e.dedupe_key like 'schedule:%' and t.name = split_part(e.dedupe_key, ':', 2)
                        limit 1) h on true;
end;
$$;
