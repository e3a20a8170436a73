create or replace function _bury_outbox(p_event_ids bigint[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts messages that were given up into dead_letter_archive, whole. A message that is given up again, after somebody put
-- it back, leaves a letter each time.
-- Locks: none of its own. Writes: dead_letter_archive. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  insert into dead_letter_archive (dl_msg_id, original_msg_id, payload, reason, reclaim_count, dead_lettered_at,
                                   archived_at, archived_by)
  select format('outbox:%s:%s', o.id, o.retry_count)
           || coalesce((select ':' || count(*) from dead_letter_archive a
                         where a.original_msg_id = 'outbox:' || o.id and a.reclaim_count = o.retry_count having count(*) > 0), ''),
         'outbox:' || o.id, to_jsonb(o), o.last_error, o.retry_count, v_now, v_now, 'opsloop'
    from outbox o
   where o.id = any (p_event_ids)
  on conflict (dl_msg_id) do nothing;
end;
$$;
