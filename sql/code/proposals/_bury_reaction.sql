create or replace function _bury_reaction(p_reaction_id uuid)
returns void
language plpgsql
set search_path from current
as $$
-- Writes the dead letter of a reaction that cannot be processed, with its event. The letters of a reaction are numbered
-- from 1: if it fails again after it was put back, it leaves another letter, with all errors so far. Where
-- that is too much for one document, the letter has the ids alone.
-- Locks: none of its own. Writes: dead_letter_archive. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  begin
    perform _archive_dead_letters(
              'reaction', array[format('reaction:%s:%s', r.id, n.times)], array[r.id::text],
              array[to_jsonb(r) || jsonb_build_object(
                'event', to_jsonb(e), 'error_history', n.errors || jsonb_build_object('at', v_now, 'error', r.reason))],
              array[r.reason], array[n.times])
       from ops_agent_reactions r
       left join ops_agent_events e on e.id = r.event_id
      cross join lateral (
        select count(*)::integer + 1 as times,
               coalesce(jsonb_agg(jsonb_build_object('at', a.dead_lettered_at, 'error', a.reason) order by a.id), '[]')
                 as errors
          from dead_letter_archive a
         where a.original_msg_id = r.id::text and a.what = 'reaction') n
      where r.id = p_reaction_id;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    perform _archive_dead_letters(
              'reaction', array[format('reaction:%s:1', r.id)], array[r.id::text],
              array[jsonb_build_object('id', r.id, 'event_id', r.event_id, 'pattern', r.pattern)],
              array[r.reason], array[1])
       from ops_agent_reactions r
      where r.id = p_reaction_id;
  end;
end;
$$;
