create or replace function _size_limits()
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The limits in force, {"event_bytes": …}: those that are built in, and over them those of the document size_limits.
-- Bytes are those of the text form. The built-in ones are such that no call takes longer than five seconds
-- (tests/routines/test_largest_inputs.py).
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb '{
    "event_bytes": 1048576, "template_bytes": 4194304, "result_bytes": 4194304, "payload_bytes": 4194304,
    "policy_bytes": 4194304, "batch_bytes": 16777216, "batch_items": 10000, "depth": 100, "faults": 100,
    "patterns": 200, "placeholders": 10000, "lanes": 1000}' || jsonb_strip_nulls(_policy('size_limits'));
end;
$$;
