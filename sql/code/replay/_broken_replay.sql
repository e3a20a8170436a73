create or replace function _broken_replay()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Dead letters and the replay log where they disagree. (A unique index prevents a second replay.) Reads all letters
-- that were redriven.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '8 one replay per original message', 'dead letter ' || a.dl_msg_id, 'redriven, but no replay is on record'
    from dead_letter_archive a
   where a.redriven_at is not null
     and not exists (select from replay_log l
                      where l.dl_msg_id = a.dl_msg_id or l.original_msg_id in (a.original_msg_id, a.dl_msg_id))
  union all
  select '8 one replay per original message', 'dead letter ' || a.dl_msg_id,
         'its replay is on record, but it counts as not redriven'
    from dead_letter_archive a
    join replay_log l on l.dl_msg_id = a.dl_msg_id
   -- (A letter of another system may be archived after its replay was recorded.)
   where a.redriven_at is null and a.what <> 'other';
end;
$$;
