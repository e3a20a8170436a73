create or replace function _uuid_v7()
returns uuid
language sql
volatile
parallel safe
as $$
  -- A time-ordered id: RFC 9562 version 7 with a time of 1/4096 ms, so that the ids of one statement are in order too;
  -- the rest is random. Without a pinned search_path, so that it is inlined (every name is qualified instead): inserts
  -- call it for every row.
  select (pg_catalog.overlay(
            pg_catalog.lpad(pg_catalog.to_hex(
              (extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.*) 4096000)::pg_catalog.int8), 15, '0'),
            '7', 13, 0)
          operator(pg_catalog.||) pg_catalog.right(pg_catalog.gen_random_uuid()::pg_catalog.text, 17))::pg_catalog.uuid;
$$;
