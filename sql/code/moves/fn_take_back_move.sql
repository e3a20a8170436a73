create or replace function fn_take_back_move(p_actor text default null, p_reason text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Takes a move back, in this order: on the new server where the loop was restored there already (the copy stays closed
-- for good), then on the old one, where the loop goes on. Where it goes on on the new server, nothing leads back.
-- Locks: the move; on the old server control, and all tables in ACCESS EXCLUSIVE mode: commit at once. Writes:
-- ops_moves, ops_audit_log; on the old server ops_pauses and triggers. Raises: OP103 no move is in force, OP104 the
-- loop goes on here already, OP031 sessions are at the tables, OP018, OP023.
declare
  v_move ops_moves := _lock_move();
  v_is_source boolean := v_move.id is not null and (_move_side(v_move) = 'source' or v_move.phase = 'draining');
  v_state jsonb;
begin
  if v_move.phase in ('taken_back', 'given_up') then
    return _move_state(v_move) || '{"changed": false}';
  elsif v_move.phase = 'open' then
    raise exception using errcode = 'OP104',
      message = format('OPS_104: the move cannot be taken back: the loop goes on at %s', v_move.to_place),
      detail = _move_state(v_move)::text,
      hint = format('To go back is another move, from %s to %s.', v_move.to_place, v_move.from_place);
  elsif v_move.id is null then
    perform _move_refused(v_move, 'taken back', null);
  elsif not v_is_source then
    return _step_move(v_move, 'given_up', p_actor, p_reason);
  end if;
  if v_move.closed_at is not null then
    perform _open_tables();
  end if;
  delete from ops_pauses p where p.scope = 'move';
  update ops_control set updated_at = _now();
  v_state := _step_move(v_move, 'taken_back', p_actor, p_reason);
  perform _wake_workers();
  return v_state;
end;
$$;
comment on function fn_take_back_move(text, text) is
  'Takes a move back as p_actor (default: the login): first on the new server, if the loop was restored there, whose '
  'copy stays closed, then on the old one, where the loop goes on. Returns the state of the move, with "changed". '
  'OPS_103 no move is in force, OPS_104 the loop goes on here already, OPS_031 sessions are at the tables, OPS_018 not '
  'in read committed, OPS_023 a pause, resume or kill is not committed yet.';
