create or replace function _wake_workers()
returns void
language plpgsql
set search_path from current
as $$
-- Tells sleeping workers, when the caller commits, that work is ready. NOTIFY takes a lock on the whole database at
-- commit, so it is sent only while a worker has declared itself idle; a busy fleet never notifies.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if exists (select from ops_workers where idle) then
    perform pg_notify(_notify_channel(), '');
  end if;
end;
$$;
