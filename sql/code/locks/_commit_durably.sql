create or replace function _commit_durably()
returns void
language plpgsql
set search_path from current
as $$
-- With synchronous_commit off, a crash loses the last commits: a lock could be given to a second holder, and its token
-- twice. So the transaction that gives a lock waits until its commit is on disk.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
end;
$$;
