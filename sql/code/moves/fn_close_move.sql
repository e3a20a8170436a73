create or replace function fn_close_move(p_actor text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- The second step of a move, taken where the loop is once nothing runs any more, or when that is not waited for any
-- longer: from the commit on nothing is written to the loop here, by whatever role and way, until the move is taken
-- back. So any dump made after it has everything that was ever acknowledged. What still runs cannot be reported any
-- more; leases_until is when the last of these leases ends, and on the other side nothing starts before.
-- Locks: control, the move, all tables in SHARE ROW EXCLUSIVE mode: commit at once. Writes: ops_moves, ops_audit_log,
-- triggers on all tables. Raises: OP103 no move is draining here, OP031 sessions write for longer than ten seconds,
-- OP018, OP023.
declare
  v_move ops_moves := _lock_move();
begin
  if v_move.phase = 'closed' and _move_side(v_move) = 'source' then
    return _move_state(v_move) || '{"changed": false}';
  elsif v_move.phase is distinct from 'draining' then
    perform _move_refused(v_move, 'closed', 'select fn_begin_move(''<where to>''); comes first.');
  end if;
  perform _close_tables();
  update ops_moves m
     set closed_at = _now(),
         leases_until = greatest(
           (select max(s.lease_expires_at) from ops_mission_steps s
             where s.id = any (_running_steps(100000)) and s.status = 'running'),
           (select max(h.lease_expires_at) from outbox_heads h))
   where m.id = v_move.id
  returning m.* into v_move;
  return _step_move(v_move, 'closed', p_actor, v_move.reason);
end;
$$;
comment on function fn_close_move(text) is
  'Closes the loop that moves, as p_actor (default: the login), once nothing runs: from then on every write is refused '
  '(OPS_101) until the move is taken back. Returns the state of the move, with "changed". OPS_103 no move is draining '
  'here, OPS_031 sessions that write did not end within ten seconds, OPS_018 not in read committed, OPS_023 a pause, '
  'resume or kill is not committed yet.';
