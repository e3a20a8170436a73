create or replace function _hit_result(p_key text)
returns sub_agent_execution_results
language plpgsql
set search_path from current
as $$
-- Counts a hit on the result with that idempotency key, and returns the row; null when there is none.
-- Locks: the row. Writes: sub_agent_execution_results. Raises: nothing.
declare
  v_row sub_agent_execution_results;
begin
  update sub_agent_execution_results r
     set metadata = r.metadata
                    || jsonb_build_object('idempotent_hit', true, 'hits', (r.metadata ->> 'hits')::bigint + 1)
   where r.idempotency_key = p_key
  returning r.* into v_row;
  return v_row;
end;
$$;
