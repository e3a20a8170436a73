create or replace function _begin_purge()
returns boolean
language plpgsql
set search_path from current
as $$
-- The right to purge, until the caller commits: one session at a time, and none while a transaction above read
-- committed that has used a dedupe key is open (_spent_keys).
-- Locks: the row 'keys' of ops_retention, SKIP LOCKED. Writes: ops_retention. Raises: nothing.
begin
  if not exists (select from ops_retention r where r.part = 'keys') then
    insert into ops_retention (part) values ('keys') on conflict do nothing;
  end if;
  perform from ops_retention r where r.part = 'keys' for no key update skip locked;
  return found;
end;
$$;
