create or replace function _uuid_v7_start(out start bigint, out tail text)
language plpgsql
volatile
set search_path from current
as $$
-- Where a run of ids begins: what _nth_uuid_v7() needs. The time is the machine's, not _now(): ids must differ whatever
-- the loop's clock says.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  start := (extract(epoch from clock_timestamp()) * 4096000)::bigint;
  tail := right(gen_random_uuid()::text, 17);
end;
$$;
