create or replace function _nth_uuid_v7(p_start bigint, p_tail bigint, p_n bigint)
returns uuid
language sql
immutable
parallel safe
as $$
  -- The p_n-th of a run of time-ordered ids (RFC 9562 version 7). p_start, from _uuid_v7_start(), is a time in 1/4096
  -- ms, and p_n is added to it. p_tail, the random part, is that of the whole run: cheaper than _uuid_v7(), which draws
  -- one for each id. The factor, 256 times an odd number, makes the last 8 digits differ within a run, as people name
  -- rows by them, and leaves the last two, the node's, alone. Plans 6.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select ('0' operator(pg_catalog.||) pg_catalog.overlay(
            pg_catalog.to_hex(p_start operator(pg_catalog.+) p_n), '7', 12, 0)
          operator(pg_catalog.||) pg_catalog.to_hex(
            p_tail operator(pg_catalog.+) (p_n operator(pg_catalog.*) 2654435584::pg_catalog.int8)))::pg_catalog.uuid;
$$;
