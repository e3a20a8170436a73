create or replace function _notify_channel()
returns text
language plpgsql
stable
set search_path from current
as $$
-- The channel that wakes the workers of this loop, one for each schema. PostgreSQL refuses one of more than 63 bytes:
-- the name of such a schema is replaced by its hash.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return 'opsloop_' || case when octet_length(current_schema()::text) <= 55 then current_schema()::text
                            else md5(current_schema()::text) end;
end;
$$;
