create or replace function fn_receive_move(p_actor text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- The third step of a move, taken on the new server when the dump is restored there: what a restore ends with
-- (fn_after_restore), which revokes all leases and locks and raises the epoch, so that what was given out on the old
-- server counts no more. Workers of the backup do not hold it up: they are the old server's. The loop stays closed.
-- Locks: the move, what fn_after_restore locks. Writes: ops_moves, ops_audit_log, what fn_after_restore writes.
-- Raises: OP103 nothing was restored here that moves; OP018; what fn_after_restore raises.
declare
  v_move ops_moves := _lock_move();
  v_restored jsonb;
begin
  if v_move.phase = 'arrived' and _move_side(v_move) = 'target' then
    return _move_state(v_move) || '{"changed": false}';
  elsif v_move.phase is distinct from 'closed' or _move_side(v_move) <> 'target' then
    perform _move_refused(v_move, 'received', 'Restore the dump of a closed loop on the other server, and call there.');
  end if;
  update ops_moves m set let_through = pg_current_xact_id() where m.id = v_move.id;
  update ops_workers w set stopped_at = coalesce(w.stopped_at, _now()), asleep_until = null, idle = false
   where w.stopped_at is null or w.asleep_until is not null or w.idle;
  v_restored := fn_after_restore(p_actor);
  return _step_move(v_move, 'arrived', p_actor, v_move.reason) || jsonb_build_object('restored', v_restored);
end;
$$;
comment on function fn_receive_move(text) is
  'On the new server, when the dump is restored: ends the restore as fn_after_restore does, as p_actor (default: the '
  'login), and leaves the loop closed. Returns the state of the move, with "changed" and what fn_after_restore '
  'answered ("restored"). OPS_103 nothing was restored here that moves, OPS_018 not in read committed.';
