create or replace function _uuid_v7_start(out start bigint, out tail bigint)
language plpgsql
volatile
set search_path from current
as $$
-- Where a run of ids begins: the arguments of _nth_uuid_v7(). The time is the server's, not _now(): ids must differ
-- whatever the loop's clock says. Its 62 bits of chance are no secret; on a node of a fleet the last 8 are its number.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  start := (date_part('epoch', clock_timestamp()) * 4096000::double precision)::bigint;
  -- The bits 10 of the variant, and room for 2^24 × 2^32 below the next one.
  tail := -9223372036854775807 - 1 + (floor(random() * 1056964608)::bigint << 32)
          + case when _node() = 0 then floor(random() * 4294967296)::bigint
                 else (floor(random() * 16777216)::bigint << 8) + _node() end;
end;
$$;
