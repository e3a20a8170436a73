create or replace function _enqueue_reactions(p_reaction_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts reactions that are queued, or said to be processing, into their lane again, in order of id; returns how many.
-- One that made its proposal before is done. One that another session has locked is left out. A row too many in
-- ops_ready does no harm.
-- Locks: the announcement; the reactions, SKIP LOCKED. Writes: ops_ready, ops_agent_reactions. Raises: nothing.
declare
  v_count integer;
begin
  update ops_agent_reactions a
     set status = 'done', proposal_id = p.id, updated_at = _now()
    from ops_mission_proposals p
   where p.reaction_id = a.id and p.reaction_id = any (p_reaction_ids)
     and a.id = any (array(select l.id from ops_agent_reactions l
                            where l.id = any (p_reaction_ids) and l.status in ('queued', 'processing')
                            order by l.id
                              for no key update skip locked));
  perform _announce();
  with ready as (
    insert into ops_ready (lane, id)
    select _lane_of('reactions'), l.id
      from (select a.id from ops_agent_reactions a
             where a.id = any (p_reaction_ids) and a.status in ('queued', 'processing')
             order by a.id
               for no key update skip locked) l
    returning seq, id
  )
  update ops_agent_reactions a
     set ready_seq = r.seq, status = 'queued'
    from ready r
   -- Plans 2
   where a.id = r.id and a.id = any (p_reaction_ids);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
