create or replace function _lock_move()
returns ops_moves
language plpgsql
set search_path from current
as $$
-- The move in force, or else the last one, locked: one step of a move is taken at a time. Null where there was none.
-- A step must see what was committed before it, hence no other isolation than read committed; and it must not be lost
-- with the server once it was told.
-- Locks: control, the row. Writes: ops_control. Raises: OP018 under another isolation level, OP023.
declare
  v_move ops_moves;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: a step of a move cannot be taken in a transaction that is %s',
                       current_setting('transaction_isolation')),
      hint = 'begin isolation level read committed;';
  end if;
  perform _commit_durably();
  -- Where the loop is closed, ops_control cannot be updated, and nobody pauses, resumes or kills.
  if not exists (select from ops_moves m where m.ended_at is null and m.closed_at is not null) then
    perform _lock_control();
  end if;
  select m.* into v_move from ops_moves m order by m.ended_at is null desc, m.begun_at desc limit 1 for update;
  return v_move;
end;
$$;
