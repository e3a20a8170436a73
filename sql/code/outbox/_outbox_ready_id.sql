create or replace function _outbox_ready_id(p_event_id bigint)
returns uuid
language sql
immutable
parallel safe
as $$
  -- How ops_ready names a message of the outbox: its id as a uuid. Plans 6.
  select pg_catalog.lpad(pg_catalog.to_hex(p_event_id), 32, '0')::pg_catalog.uuid;
$$;
