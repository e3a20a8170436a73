create or replace function _step_move(p_move ops_moves, p_phase text, p_actor text, p_reason text)
returns jsonb
language plpgsql
set search_path from current
as $$
-- The move is in p_phase from now on; writes it down, and returns its state.
-- Locks: none more. Writes: ops_moves, ops_audit_log. Raises: OP018 for an actor or a reason that is too long.
declare
  v_state jsonb;
begin
  update ops_moves m
     set phase = p_phase, ended_at = case when p_phase in ('taken_back', 'open') then _now() end,
         let_through = pg_current_xact_id()
   where m.id = p_move.id
  returning m.* into p_move;
  v_state := _move_state(p_move) || '{"changed": true}';
  perform _audit('move', 'loop', p_move.id::text, p_actor, p_reason, v_state);
  update ops_moves m set let_through = null where m.id = p_move.id;
  return v_state;
end;
$$;
