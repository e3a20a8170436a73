create or replace function _duty_outbox()
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For the heartbeat, every turn: the next part of the rolling scan of the outbox. Messages that were inserted or set
-- back by hand are put into the queue: those that wait, have no hint of their own, and lie at or below the mark of
-- their aggregate or have none. One that cannot be is set aside.
-- Locks: the turn of the sweep; the messages, SKIP LOCKED. Writes: ops_sweep, ops_ready, outbox, ops_strays. Raises:
-- errors not caused by the data.
declare
  c_part constant integer := 20000;
  v_now timestamptz := _now();
  v_from uuid := _begin_sweep('outbox', v_now);
  v_part record;
  v_ids bigint[];
  v_few bigint[];
  v_next integer := 1;
  v_size integer;
  v_message text;
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
                     case when v_part.seen = c_part then _outbox_ready_id(v_part.last) end, v_part.stray is not null);
  v_ids := array(select _outbox_event_id(n.id)
                   from unnest(_not_aside(array(select _outbox_ready_id(s.id)
                                                  from unnest(v_part.stray) s (id)))) n (id));
  v_size := cardinality(v_ids);
  -- All at once; where that fails on data, halved until each message on which it fails stands alone.
  while v_next <= cardinality(v_ids) loop
    v_few := v_ids[v_next : v_next + v_size - 1];
    begin
      perform _requeue_outbox(v_few);
      v_next := v_next + cardinality(v_few);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      if cardinality(v_few) > 1 then
        v_size := (cardinality(v_few) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        perform _set_aside('outbox', _outbox_ready_id(v_few[1]), v_few[1]::text, sqlstate, v_message);
        v_next := v_next + 1;
      end if;
    end;
  end loop;
end;
$$;
