create or replace function _size_limits_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a size_limits document. The least values leave room for the loop's own documents and calls, so that no
-- limit can be set that keeps a better one from being set.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _unknown_field_faults('', p_value, array['event_bytes', 'template_bytes', 'result_bytes', 'payload_bytes',
                                                  'policy_bytes', 'batch_bytes', 'batch_items', 'depth', 'faults',
                                                  'patterns', 'placeholders', 'lanes',
                                                  'description'])
    || _field_fault('event_bytes', p_value -> 'event_bytes', 'whole number', 1024, 67108864)
    || _field_fault('template_bytes', p_value -> 'template_bytes', 'whole number', 1024, 67108864)
    || _field_fault('result_bytes', p_value -> 'result_bytes', 'whole number', 1024, 67108864)
    || _field_fault('payload_bytes', p_value -> 'payload_bytes', 'whole number', 1024, 67108864)
    || _field_fault('policy_bytes', p_value -> 'policy_bytes', 'whole number', 65536, 67108864)
    || _field_fault('batch_bytes', p_value -> 'batch_bytes', 'whole number', 1048576, 134217728)
    || _field_fault('batch_items', p_value -> 'batch_items', 'whole number', 500, 100000)
    || _field_fault('depth', p_value -> 'depth', 'whole number', 10, 200)
    || _field_fault('faults', p_value -> 'faults', 'whole number', 1, 1000)
    || _field_fault('patterns', p_value -> 'patterns', 'whole number', 1, 10000)
    || _field_fault('placeholders', p_value -> 'placeholders', 'whole number', 1, 100000)
    || _field_fault('lanes', p_value -> 'lanes', 'whole number', 10, 10000)
    || _field_fault('description', p_value -> 'description', 'text');
end;
$$;
