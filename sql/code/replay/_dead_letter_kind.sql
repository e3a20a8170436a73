create or replace function _dead_letter_kind(p_dl_msg_id text, p_archived_by text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- What gave up: step, reaction or outbox for letters of the loop itself, which it can put back; else other. Nobody but
-- the loop archives as opsloop.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_archived_by = 'opsloop' and split_part(p_dl_msg_id, ':', 1) in ('step', 'reaction', 'outbox')
              then split_part(p_dl_msg_id, ':', 1) else 'other' end;
end;
$$;
