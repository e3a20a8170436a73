create or replace function _tell_pending(p_ids uuid[], p_which integer[], p_templates jsonb[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Emits an event proposal:pending for each of these proposals, which wait for a person, so that a reaction can tell
-- that person. The event has what would run in short, the first ten steps as texts; fn_inbox has all of it. Proposal i
-- has p_templates[p_which[i]].
-- Locks: the announcement. Writes: ops_agent_events, ops_ready, outbox. Raises: nothing.
declare
  v_short jsonb[] := '{}'::jsonb[];
begin
  for n in 1 .. cardinality(p_templates) loop
    v_short[n] := jsonb_build_object(
      'steps', jsonb_array_length(p_templates[n] -> 'steps'),
      'would_run', (select jsonb_agg(
                            left(coalesce(s ->> 'executor', s ->> 'kind') || coalesce(' ' || (s ->> 'params'), ''), 200)
                            order by o)
                      from jsonb_array_elements(p_templates[n] -> 'steps') with ordinality e (s, o)
                     where o <= 10));
  end loop;
  perform _tell_approvals(array_agg('proposal:pending'::text order by i.ord), array_agg(p.id order by i.ord),
                          array_agg(jsonb_build_object('reason', p.reason) || v_short[i.which] order by i.ord))
     from unnest(p_ids, p_which) with ordinality i (id, which, ord)
     join ops_mission_proposals p on p.id = i.id
   having count(*) > 0;
end;
$$;
