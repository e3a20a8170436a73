create or replace function _bury_alone(p_processor_id text, p_event_id bigint, p_error text)
returns text
language plpgsql
set search_path from current
as $$
-- Gives up the one message on whose data a claim or a report failed, and lets its aggregate go on; the dead letter has
-- the names alone. Returns dead, or busy when another session holds the head of its aggregate just now.
-- Locks: the head, SKIP LOCKED. Writes: outbox, outbox_heads, outbox_timers, ops_ready, dead_letter_archive. Raises:
-- errors not caused by the data.
declare
  v_locked record;
  v_name text := 'outbox:' || p_event_id::text;
begin
  select * into v_locked from _lock_claimed_heads(p_processor_id, array[p_event_id]);
  if v_locked.types is null then
    return 'busy';
  end if;
  update outbox o
     set processed_at = _now(), dead = true, processor_id = p_processor_id, last_error = p_error
   where o.id = p_event_id;
  perform _archive_dead_letters('outbox', array[v_name || ':0'], array[v_name],
                                array[jsonb_build_object('id', o.id, 'aggregate_type', o.aggregate_type,
                                                         'aggregate_id', o.aggregate_id, 'event_type', o.event_type)],
                                array[p_error], array[0])
     from outbox o where o.id = p_event_id;
  perform _settle_heads(v_locked.types, v_locked.ids, array[1], array[p_event_id], array['dead'],
                        array[null::double precision]);
  return 'dead';
end;
$$;
