create or replace function _drop_outbox_hints(p_seqs bigint[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
-- Takes hints out of the lane of the outbox. Never waits: one that another claim is just dropping is left to it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
begin
  delete from ops_ready
   where ctid = any (array(
     select r.ctid from ops_ready r where r.lane = _lane_of('outbox') and r.seq = any (p_seqs) for update skip locked));
end;
$$;
