create or replace function _is_data_fault(p_sqlstate text)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether an error lies in the data at hand, so that its item alone is to be refused and the rest of its batch goes on.
-- False is "not now": state of the server or of other sessions (connection, read-only, rollback, resources, locks, time
-- limits, input and output), and an installation that is not whole (missing routine or right, a plan that DDL made
-- void). There every item would be refused alike, and the caller raises the error again.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left(p_sqlstate, 2) not in ('08', '0A', '25', '26', '28', '3D', '3F', '40', '42', '53', '55', '57', '58')
         and p_sqlstate not in ('OP001', 'OP021', 'OP023', 'OP026', 'OP031', 'OP101', 'OP102');
end;
$$;
