create or replace function _broken_transitions()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Directives that disagree with the log of transitions, requests that took effect twice, and accepted handoffs without
-- a completed transition. A directive that was deleted and made anew begins its count anew. A change by hand is
-- reported, and not mended.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '10 one completed audit row per request', 'request ' || a.request_id, format('%s rows', count(*))
    from sd_transition_audit a
   where a.status = 'completed' and a.request_id is not null
   group by a.request_id
  having count(*) > 1
  union all
  select '10 version = 1 + completed transitions', 'directive ' || d.id::text,
         format('version %s after %s completed transitions', d.transition_version, l.n)
    from strategic_directives d
   cross join lateral (select count(*) as n
                         from sd_transition_audit a
                        where a.sd_id = d.id and a.status = 'completed' and a.created_at >= d.created_at) l
   where d.transition_version <> 1 + l.n
  union all
  select '12 phase of the newest transition', 'directive ' || d.id::text,
         format('in phase %s, and its last transition led to %s: changed by hand', d.current_phase, l.phase)
    from strategic_directives d
   cross join lateral (select a.post_state ->> 'sd_phase' as phase
                         from sd_transition_audit a
                        where a.sd_id = d.id and a.status = 'completed' and a.created_at >= d.created_at
                        order by a.transition_version desc
                        limit 1) l
   where d.current_phase is distinct from l.phase
  union all
  select '13 accepted handoffs have a transition', 'handoff ' || h.id::text,
         format('of directive %s has no completed transition', h.sd_id)
    from sd_phase_handoffs h
   where h.status = 'accepted'
     and not exists (select from sd_transition_audit a
                      where a.id = h.audit_id and a.sd_id = h.sd_id and a.status = 'completed');
end;
$$;
