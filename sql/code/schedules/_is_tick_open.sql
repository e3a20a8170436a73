create or replace function _is_tick_open(p_name text)
returns boolean
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Whether what came of the tick before is still open: its proposal waits, its mission has not ended, or its event is
-- not looked at yet; for an event, that of each of its reactions.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_last record;
begin
  select t.event_id, t.proposal_id into v_last
    from ops_schedule_ticks t
   where t.schedule = p_name and t.outcome = 'fired'
   order by t.taken_at desc, t.tick desc
   limit 1;
  return exists (
    select
      from (select v_last.proposal_id as id
             union all
            select a.proposal_id from ops_agent_reactions a where a.event_id = v_last.event_id) n
      join ops_mission_proposals p on p.id = n.id
      left join ops_missions m on m.proposal_id = p.id
     where p.status in ('pending', 'voting') or m.status in ('approved', 'running'))
    or exists (select from ops_agent_events e where e.id = v_last.event_id and e.processed_at is null)
    or exists (select from ops_agent_reactions a
                where a.event_id = v_last.event_id and a.status in ('queued', 'processing'));
end;
$$;
