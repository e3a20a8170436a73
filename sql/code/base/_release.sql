create or replace function _release()
returns text
language sql
stable
set search_path from current
as $$
-- The release that is installed here: the newest that the ledger names.
-- Locks: none. Writes: nothing. Raises: nothing.
  select c.version from opsloop_schema_change c where c.version is not null order by c.installed_at desc limit 1
$$;
