create or replace function _purge_missions(p_ids uuid[], p_how text, p_batch text, p_keys_until timestamptz)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Purges these missions whole: proposal, steps, attempts, events with their reactions, and what is kept beside them.
-- Of the votes, those of persons stay, in short. The caller holds the locks of the missions and of all their steps.
-- Counters of caps whose windows have lost proposals would no longer be exact, and go: their windows are over.
-- Locks: the rows, and what _count_purged locks. Writes: all of these, their archives, ops_spent_keys, ops_purged, and
-- what _count_purged writes. Raises: OP084 for an archive that lacks a column.
declare
  v_missions constant text[] := p_ids;
  v_proposals constant text[] := array(select m.proposal_id from ops_missions m
                                        where m.id = any (p_ids) and m.proposal_id is not null);
  v_steps constant text[] := array(select s.id from ops_mission_steps s where s.mission_id = any (p_ids));
  v_events constant text[] := array(select e.id from ops_agent_events e where e.mission_id = any (p_ids));
begin
  perform _spend_keys('ops_mission_proposals', v_proposals, p_keys_until);
  perform _spend_keys('ops_agent_events', v_events, p_keys_until);
  perform _forget_caps(v_proposals::uuid[]);
  return query select * from _purge_evidence(v_proposals || v_steps, p_how);
  delete from ops_parked_steps p where p.step_id = any (v_steps::uuid[]);
  delete from ops_strays t
   where t.kind in ('mission without steps', 'step without mission', 'stuck mission', 'row that cannot be changed')
     and t.id = any ((v_missions || v_steps || v_events)::uuid[]);
  perform _count_purged(v_steps::uuid[]);
  return query select * from _purge_rows('ops_action_runs', 't.step_id = any ($1::uuid[])', v_steps, p_how);
  return query select * from _purge_rows('ops_mission_steps', 't.id = any ($1::uuid[])', v_steps, p_how);
  return query select * from _purge_rows('ops_agent_reactions', 't.event_id = any ($1::uuid[])', v_events, p_how);
  return query select * from _purge_rows('ops_agent_events', 't.id = any ($1::uuid[])', v_events, p_how);
  return query select * from _purge_rows('ops_missions', 't.id = any ($1::uuid[])', v_missions, p_how);
  return query select * from _purge_rows('ops_mission_proposals', 't.id = any ($1::uuid[])', v_proposals, p_how);
  perform _note_purged(p_how, p_batch, p_ids, v_proposals::uuid[], v_steps::uuid[], v_events::uuid[]);
end;
$$;
