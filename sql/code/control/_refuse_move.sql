create or replace function _refuse_move()
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses what may not be done while a move of the loop is in force, and says where the loop is; nothing when none is.
-- Locks: none. Writes: nothing. Raises: OP101 the move can be taken back still, OP102 the loop is elsewhere for good.
declare
  v_move ops_moves;
  v_is_origin boolean;
  v_detail jsonb;
begin
  select * into v_move from ops_moves m where m.ended_at is null;
  if not found then
    return;
  end if;
  v_is_origin := v_move.origin = _database_identity();
  v_detail := jsonb_build_object(
    'move_id', v_move.id, 'phase', v_move.phase, 'from', v_move.from_place, 'to', v_move.to_place,
    'loop_is_at', case when v_move.phase = 'moved' then v_move.to_place else v_move.from_place end,
    'since', coalesce(v_move.closed_at, v_move.begun_at));
  if v_move.phase = 'moved' then
    raise exception using errcode = 'OP102', message = format('OPS_102: the loop has moved to %s', v_move.to_place),
      detail = v_detail::text, hint = format('Connect to %s; nothing is stored here any more.', v_move.to_place);
  elsif v_move.phase = 'given_up' then
    raise exception using errcode = 'OP102',
      message = format('OPS_102: this copy was given up, the loop is at %s', v_move.from_place),
      detail = v_detail::text, hint = format('Connect to %s; drop the schema here.', v_move.from_place);
  elsif v_is_origin then
    raise exception using errcode = 'OP101', message = format('OPS_101: the loop is moving to %s', v_move.to_place),
      detail = v_detail::text,
      hint = format('Try again later: here if the move is taken back, else at %s.', v_move.to_place);
  end if;
  raise exception using errcode = 'OP101',
    message = format('OPS_101: the loop is moving here from %s and is not open yet', v_move.from_place),
    detail = v_detail::text, hint = 'Try again later; the move may still be taken back.';
end;
$$;
