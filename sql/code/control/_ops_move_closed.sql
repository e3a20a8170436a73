create or replace function _ops_move_closed()
returns trigger
language plpgsql
security definer
set search_path from current
as $$
-- Before every statement that writes to a table of a loop that is closed (_close_tables): refuses it, in routines as by
-- hand, but in the one transaction that takes the next step of the move. A trigger is seen however old the snapshot is,
-- the row of the move is not: such a transaction is to be repeated, and then hears where the loop is.
-- Locks: none. Writes: nothing. Raises: what _refuse_move raises; 40001.
begin
  if not exists (select from ops_moves m where m.let_through = pg_current_xact_id_if_assigned()) then
    perform _refuse_move();
    raise serialization_failure using
      message = 'could not serialize: the loop was closed since this transaction began',
      hint = 'Try again in a new transaction.';
  end if;
  return null;
end;
$$;
