create or replace function _commit_durably()
returns void
language plpgsql
set search_path from current
as $$
-- With synchronous_commit off, a crash forgets what was committed in the last moments: a lock could be given to a second
-- holder, and its token come again. So the transaction that promises one waits for its commit to reach the disk.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
end;
$$;
