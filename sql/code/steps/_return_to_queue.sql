create or replace function _return_to_queue(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts steps that this transaction has taken out of the queue back to their old seqs. No mark can have passed them:
-- until the commit other sessions see the rows that were taken.
-- Locks: none that wait. Writes: ops_ready. Raises: nothing.
begin
  insert into ops_ready (lane, seq, id)
  select s.lane, s.ready_seq, s.id from ops_mission_steps s where s.id = any (p_step_ids) and s.status = 'queued'
  on conflict do nothing;
end;
$$;
