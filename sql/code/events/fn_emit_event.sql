create or replace function fn_emit_event(
  p_type text,
  p_data jsonb default '{}',
  p_dedupe_key text default null,
  p_mission_id uuid default null
)
returns uuid
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Emits one event in the caller's transaction.
-- Locks: the unique index of dedupe_key; the announcement. Writes: ops_agent_events, ops_ready. Raises: OP019 with
-- every fault, OP023, OP045 for data that is too large.
begin
  return (select e from fn_emit_events(jsonb_build_array(jsonb_build_object(
    'type', p_type, 'data', p_data, 'dedupe_key', p_dedupe_key, 'mission_id', p_mission_id))) e);
end;
$$;
comment on function fn_emit_event(text, jsonb, text, uuid) is
  'Emits an event and returns its id; the same dedupe_key gives the first one''s id. The next heartbeat compares '
  'it with the reaction matrix, if the caller''s transaction commits. OPS_019 names every fault; OPS_045 for data that '
  'is too large; OPS_023 while a restore is not committed.';
