create or replace function _outbox_body(
  p_message_id uuid,
  p_id bigint,
  p_aggregate_type text,
  p_aggregate_id text,
  p_event_type text,
  p_created_at timestamptz,
  p_payload jsonb
)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The text of a message for every sink: one JSON object, byte for byte the same at every delivery.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object('id', 'outbox:' || p_message_id::text, 'sequence', p_id, 'type', p_event_type,
                            'aggregate_type', p_aggregate_type, 'aggregate_id', p_aggregate_id,
                            'created_at', to_char(p_created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                            'payload', p_payload)::text;
end;
$$;
