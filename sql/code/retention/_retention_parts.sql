create or replace function _retention_parts()
returns table (part text, of_table text, key text, at text, cut text, goes text)
language plpgsql
immutable
set search_path from current
as $$
-- The parts of retention in their order: the table that is read by its key, when a row came into being (rows of one
-- part have about the same order by both), the name of the cut (_retention_cuts) without which the part is left alone,
-- and the condition under which a row t goes; cut is the row of all cuts. Missions are judged by _retain_missions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  values
    ('missions', 'ops_missions', 'id', 'created_at', 'any_missions', 'false'),
    ('proposals', 'ops_mission_proposals', 'id', 'created_at', 'missions',
     't.status in (''rejected'', ''expired'') and t.updated_at < cut.missions '
     'and not exists (select from ops_missions m where m.proposal_id = t.id) '
     'and not exists (select from sub_agent_runs r where r.proposal_id = t.id and r.open)'),
    -- Events of a mission go with it; those that came for it later go when it has gone.
    ('events', 'ops_agent_events', 'id', 'created_at', 'any_events',
     't.processed_at is not null '
     'and t.created_at < case when t.mission_id is null then cut.events else cut.any_events end '
     'and (t.mission_id is null or not exists (select from ops_missions m where m.id = t.mission_id)) '
     'and not exists (select from ops_agent_reactions a left join ops_mission_proposals p on p.id = a.proposal_id '
     'where a.event_id = t.id and (a.status in (''queued'', ''processing'') or p.id is not null))'),
    ('outbox', 'outbox', 'id', 'created_at', 'outbox',
     't.processed_at < cut.outbox and not (t.dead and exists (select from dead_letter_archive d '
     'where d.original_msg_id = ''outbox:'' || t.id::text and d.redriven_at is null))'),
    ('dead_letters', 'dead_letter_archive', 'id', 'dead_lettered_at', 'dead_letters',
     'greatest(t.dead_lettered_at, t.redriven_at) < cut.dead_letters'),
    ('audit', 'ops_audit_log', 'id', 'created_at', 'history', 't.created_at < cut.history'),
    -- The votes of what was purged; those that a grant gave are what its uses are compared with.
    ('votes', 'ops_proposal_votes', 'proposal_id', 'created_at', 'history',
     't.created_at < cut.history '
     'and not exists (select from ops_mission_proposals p where p.id = t.proposal_id) '
     'and not exists (select from ops_mission_steps s where s.id = t.proposal_id) '
     'and not exists (select from ops_grant_uses u where u.proposal_id = t.proposal_id)'),
    -- An accepted handoff and a completed transition count for the version of their directive, while there is one.
    ('handoffs', 'sd_phase_handoffs', 'id', 'created_at', 'history',
     't.created_at < cut.history and (t.status <> ''accepted'' '
     'or not exists (select from strategic_directives d where d.id = t.sd_id))'),
    ('transitions', 'sd_transition_audit', 'id', 'created_at', 'history',
     't.created_at < cut.history and (t.status = ''failed'' '
     'or not exists (select from strategic_directives d where d.id = t.sd_id)) '
     'and not exists (select from sd_phase_handoffs h where h.audit_id = t.id)'),
    ('sub_agent_results', 'sub_agent_execution_results', 'id', 'created_at', 'history',
     't.created_at < cut.history and not exists (select from strategic_directives d '
     'where d.id = t.sd_id and d.status <> all (_ended_directive_statuses()))'),
    ('sub_agent_runs', 'sub_agent_runs', 'id', 'created_at', 'history',
     't.created_at < cut.history and not t.open and not exists (select from strategic_directives d '
     'where d.id = t.sd_id and d.status <> all (_ended_directive_statuses()))'),
    -- What keeps a message from being replayed twice lives as long as a dedupe key.
    ('replays', 'replay_log', 'id', 'replayed_at', 'history',
     't.replayed_at < least(cut.history, cut.keys) '
     'and not exists (select from dead_letter_archive d where d.dl_msg_id in (t.dl_msg_id, t.original_msg_id))'),
    ('purged', 'ops_purged', 'id', 'purged_at', 'history', 't.purged_at < cut.history');
end;
$$;
