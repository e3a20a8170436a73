create or replace function _move_state(p_move ops_moves)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- What there is to say about a move here, as its routines answer.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object(
    'move_id', p_move.id, 'side', _move_side(p_move), 'phase', p_move.phase, 'in_force', p_move.ended_at is null,
    'from', p_move.from_place, 'to', p_move.to_place, 'begun_by', p_move.begun_by, 'begun_login', p_move.begun_login,
    'reason', p_move.reason, 'begun_at', p_move.begun_at, 'closed_at', p_move.closed_at,
    'leases_until', p_move.leases_until, 'ended_at', p_move.ended_at,
    'running', cardinality(_running_steps(10000)),
    'delivering', (select count(*) from outbox_heads h where h.lease_expires_at > _now()));
end;
$$;
