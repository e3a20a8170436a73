create or replace function _bury_outbox(p_event_ids bigint[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Writes the dead letters of messages that were given up.
-- Locks: none of its own. Writes: dead_letter_archive. Raises: nothing.
begin
  perform _archive_dead_letters(
            'outbox', array_agg(format('outbox:%s:%s', o.id, o.retry_count)), array_agg('outbox:' || o.id::text),
            array_agg(to_jsonb(o)), array_agg(o.last_error), array_agg(o.retry_count))
     from outbox o
    where o.id = any (p_event_ids);
end;
$$;
