create or replace function fn_compatibility()
returns integer
language sql
immutable
set search_path from current
as $$
-- The one place in the database of the number by which a package and a schema fit, whatever their releases are: a
-- package of number n works on schemas of n and of n + 1. It rises by one, together with COMPATIBILITY of the package
-- (python/opsloop/compatibility.py), in a release whose package needs something of its schema that the last one lacks;
-- objects that the last package needs stay until the release after that.
-- Locks: none. Writes: nothing. Raises: nothing.
  select 1
$$;
comment on function fn_compatibility() is
  'The compatibility number of this schema: it serves packages of this number and of the one before. Workers, relays, '
  'clients and the command line ask for it, not for the release.';
