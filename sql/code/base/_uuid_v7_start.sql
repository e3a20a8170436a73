create or replace function _uuid_v7_start(out start bigint, out tail text)
language plpgsql
volatile
set search_path from current
as $$
-- Where a run of ids begins: the arguments of _nth_uuid_v7(). The time is the server's, not _now(): ids must differ
-- whatever the loop's clock says. Its 62 bits of chance are no secret.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  start := (date_part('epoch', clock_timestamp()) * 4096000::double precision)::bigint;
  tail := to_hex((32768 + floor(random() * 16384))::integer)
          || right(to_hex((281474976710656::double precision + random() * 281474976710655)::bigint), 12);
end;
$$;
