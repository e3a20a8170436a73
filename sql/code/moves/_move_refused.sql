create or replace function _move_refused(p_move ops_moves, p_wanted text, p_hint text)
returns void
language plpgsql
set search_path from current
as $$
-- Raises that this step of a move cannot be taken now and here.
-- Locks: none. Writes: nothing. Raises: OP103.
begin
  raise exception using errcode = 'OP103',
    message = 'OPS_103: ' || case
      when p_move.id is null then format('nothing can be %s: this loop is not being moved', p_wanted)
      else format('the move to %s cannot be %s: on this side (%s) it is %s', p_move.to_place, p_wanted,
                  _move_side(p_move), p_move.phase) end,
    detail = (case when p_move.id is null then '{}' else _move_state(p_move) end
              || jsonb_build_object('wanted', p_wanted))::text,
    hint = coalesce(p_hint, 'select fn_show_move(); shows how far it is.');
end;
$$;
