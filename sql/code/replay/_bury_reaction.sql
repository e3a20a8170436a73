create or replace function _bury_reaction(p_reaction_id uuid)
returns void
language plpgsql
set search_path from current
as $$
-- Puts a reaction that cannot be processed into dead_letter_archive, whole, with its event. One that fails again, after
-- somebody put it back, leaves a letter each time.
-- Locks: none of its own. Writes: dead_letter_archive. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  insert into dead_letter_archive (dl_msg_id, original_msg_id, payload, reason, reclaim_count, dead_lettered_at,
                                   archived_at, archived_by)
  select format('reaction:%s:%s', r.id, n.times), r.id::text,
         to_jsonb(r) || jsonb_build_object('event', to_jsonb(e), 'error_history', n.errors || jsonb_build_object('at', v_now, 'error', r.reason)),
         r.reason, n.times, v_now, v_now, 'opsloop'
    from ops_agent_reactions r
    left join ops_agent_events e on e.id = r.event_id
   cross join lateral (
     select count(*)::integer + 1 as times,
            coalesce(jsonb_agg(jsonb_build_object('at', a.dead_lettered_at, 'error', a.reason) order by a.id), '[]') as errors
       from dead_letter_archive a
      where a.original_msg_id = r.id::text) n
   where r.id = p_reaction_id
  on conflict (dl_msg_id) do nothing;
end;
$$;
