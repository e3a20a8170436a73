create or replace function _large_reports(p_completions jsonb)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The completions that bring something too large: an array of reports for fn_fail_steps, each with what is too large as
-- its error, not to be retried.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_limits constant jsonb := _size_limits();
  v_depth constant integer := (v_limits ->> 'depth')::integer;
begin
  return (
    select coalesce(jsonb_agg(
             jsonb_build_object(
               'step_id', c.report -> 'step_id', 'lease_token', c.report -> 'lease_token', 'code', 'OPS_045',
               'retryable', false, 'error', format('OPS_045: %s. %s', _size_message(f.fault), _size_remedy(f.fault)))
             order by c.ord), '[]')
      from jsonb_array_elements(p_completions) with ordinality c (report, ord)
     cross join lateral (
       select coalesce(
         _size_fault('result', c.report -> 'result', 'result_bytes', v_limits),
         _size_fault('usage', c.report -> 'usage', 'result_bytes', v_limits),
         (select _size_fault(format('events[%s].data', e.ord - 1), e.event -> 'data', 'event_bytes', v_limits) as found
            from jsonb_array_elements(nullif(c.report -> 'events', 'null')) with ordinality e (event, ord)
           order by found nulls last
           limit 1),
         (select _size_fault(format('outbox[%s].payload', o.ord - 1), o.message -> 'payload', 'payload_bytes', v_limits)
                   as found
            from jsonb_array_elements(nullif(c.report -> 'outbox', 'null')) with ordinality o (message, ord)
           order by found nulls last
           limit 1),
         _size_fault('the report', c.report, 'batch_bytes', v_limits || jsonb_build_object('depth', v_depth + 3))
       ) as fault) f
     where f.fault is not null);
end;
$$;
