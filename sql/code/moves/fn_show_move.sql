create or replace function fn_show_move()
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The move that is in force, or else the last one, as this database knows it; null where there was none.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_move ops_moves;
begin
  select m.* into v_move from ops_moves m order by m.ended_at is null desc, m.begun_at desc limit 1;
  return case when found then _move_state(v_move) end;
end;
$$;
comment on function fn_show_move() is
  'Shows the move of the loop that is in force, or else the last one; null where there was none: {"move_id", "side" '
  '(source or target), "phase", "in_force", "from", "to", "begun_by", "begun_login", "reason", "begun_at", '
  '"closed_at", "leases_until", "ended_at", "running", "delivering"}; the last two count the steps that run, '
  'up to 10,000, and the aggregates of the outbox that are with a relay.';
