create or replace function m10_recovery.publish_outbox(
  p_aggregate_type text, p_aggregate_id text, p_event_type text, p_payload jsonb default '{}'
)
returns bigint
language plpgsql
set search_path from current
as $$
-- As fn_publish_outbox, under the name that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_publish_outbox(p_aggregate_type, p_aggregate_id, p_event_type, p_payload);
end;
$$;
