create or replace function _uuid_v7()
returns uuid
language sql
volatile
parallel safe
as $$
  -- A time-ordered id: RFC 9562 version 7 with a time of 1/4096 ms, so that the ids of one statement are in order too,
  -- and 62 random bits. Ids are no secrets (lease tokens are): strong randomness from the kernel would cost more than
  -- the row. Inserts call it for every row: hence Plans 6, and double precision, not numeric. The time has 14
  -- hexadecimal digits from 2004 to 2527. On a node of a fleet the last two digits are its number, for 54 random bits.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select ('0' operator(pg_catalog.||) pg_catalog.overlay(
            pg_catalog.to_hex((pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
                               operator(pg_catalog.*) 4096000::pg_catalog.float8)::pg_catalog.int8), '7', 12, 0)
          operator(pg_catalog.||) pg_catalog.to_hex(
            (32768 operator(pg_catalog.+) pg_catalog.floor(
               (pg_catalog.random() operator(pg_catalog.*) 16384)))::pg_catalog.int4)
          operator(pg_catalog.||) case when _node() operator(pg_catalog.=) 0
            then pg_catalog.right(pg_catalog.to_hex(
              (281474976710656::pg_catalog.float8 operator(pg_catalog.+)
               (pg_catalog.random() operator(pg_catalog.*) 281474976710655))::pg_catalog.int8), 12)
            else pg_catalog.right(pg_catalog.to_hex(
              (1099511627776::pg_catalog.float8 operator(pg_catalog.+)
               (pg_catalog.random() operator(pg_catalog.*) 1099511627775))::pg_catalog.int8), 10)
              operator(pg_catalog.||) pg_catalog.right(
                pg_catalog.to_hex(256 operator(pg_catalog.+) _node()), 2) end
         )::pg_catalog.uuid;
$$;
