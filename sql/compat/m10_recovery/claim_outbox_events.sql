create or replace function m10_recovery.claim_outbox_events(
  p_processor_id text, p_batch_size integer default 10
)
returns table (id bigint, aggregate_type text, aggregate_id text, event_type text, payload jsonb, retry_count integer)
language plpgsql
set search_path from current
as $$
-- As fn_claim_outbox_events, under the name that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return query select * from fn_claim_outbox_events(p_processor_id, p_batch_size);
end;
$$;
