create or replace function _outbox_event_id(p_ready_id uuid)
returns bigint
language sql
immutable
parallel safe
as $$
  -- The id of the message that a row of ops_ready names (_outbox_ready_id). Plans 6.
  select ('x' operator(pg_catalog.||) pg_catalog.right(pg_catalog.replace(p_ready_id::text, '-', ''),
                                                       16))::pg_catalog.bit(64)::bigint;
$$;
