create or replace function _wake_workers()
returns void
language plpgsql
set search_path from current
as $$
-- Tells sleeping workers, when the caller commits, that work is ready. Commits that notify go one by one in the whole
-- server, so NOTIFY is sent only while a worker has declared itself idle; a busy fleet never notifies.
-- Locks: none before the commit. Writes: nothing. Raises: nothing.
begin
  if exists (select from ops_workers where idle) then
    perform pg_notify(_notify_channel(), '');
  end if;
end;
$$;
