create or replace function m10_recovery.complete_outbox_event(
  p_event_id bigint, p_processor_id text, p_success boolean default true, p_error text default null
)
returns boolean
language plpgsql
set search_path from current
as $$
-- As fn_complete_outbox_event, under the name that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_complete_outbox_event(p_event_id, p_processor_id, p_success, p_error);
end;
$$;
