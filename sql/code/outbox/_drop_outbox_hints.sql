create or replace function _drop_outbox_hints(p_seqs bigint[])
returns bigint[]
language plpgsql
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
-- Takes hints out of the lane of the outbox and returns the messages that they named. Never waits.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
declare
  v_events bigint[];
begin
  with gone as (
    delete from ops_ready
     where ctid = any (array(select r.ctid from ops_ready r where r.lane = 3 and r.seq = any (p_seqs) for update skip locked))
    returning id
  )
  select coalesce(array_agg(_outbox_event_id(g.id)), '{}') into v_events from gone g;
  return v_events;
end;
$$;
