create or replace function _uuid_v7()
returns uuid
language sql
volatile
parallel safe
as $$
  -- A time-ordered id: RFC 9562 version 7, 48 bits of milliseconds, the rest random. The one routine without a
  -- pinned search_path, so that it is inlined (every name is qualified instead): inserts call it for every row.
  select pg_catalog.encode(
    pg_catalog.set_bit(pg_catalog.set_bit(
      pg_catalog.overlay(
        pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
        pg_catalog.substring(pg_catalog.int8send(
          (extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000)::pg_catalog.int8), 3),
        1, 6),
      52, 1), 53, 1), 'hex')::pg_catalog.uuid;
$$;
