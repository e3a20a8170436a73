create or replace function _duty_outbox()
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For the heartbeat, every turn: the next part of the rolling scan of the outbox. Messages that were inserted or set
-- back by hand are put into the queue: those that wait, have no hint of their own, and lie at or below the mark of
-- their aggregate or have none.
-- Locks: the turn of the sweep; the messages, SKIP LOCKED. Writes: ops_sweep, ops_ready, outbox. Raises: nothing.
declare
  c_part constant integer := 20000;
  v_now timestamptz := _now();
  v_from uuid := _begin_sweep('outbox', v_now);
  v_part record;
begin
  if v_from is null then
    return;
  end if;
  select max(p.id) as last, count(*) as seen,
         array_agg(p.id) filter (where p.processed_at is null
                                   and not exists (select from ops_ready r
                                                    where r.lane = _lane_of('outbox') and r.seq = p.ready_seq)
                                   and not exists (select from outbox_heads h
                                                    where h.aggregate_type = p.aggregate_type
                                                      and h.aggregate_id = p.aggregate_id and h.mark < p.id)) as stray
    into v_part
    from (select o.id, o.processed_at, o.ready_seq, o.aggregate_type, o.aggregate_id from outbox o
           where o.id > _outbox_event_id(v_from) order by o.id limit c_part) p;
  perform _end_sweep('outbox', v_now, v_part.seen,
                     case when v_part.seen = c_part then _outbox_ready_id(v_part.last) end);
  if v_part.stray is not null then
    perform _requeue_outbox(v_part.stray);
  end if;
end;
$$;
