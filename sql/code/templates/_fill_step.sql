create or replace function _fill_step(p_params jsonb, p_slots jsonb, p_results jsonb)
returns table (params jsonb, fault text, fault_code text)
language plpgsql
immutable
set search_path from current
as $$
-- The params of a step with the results of earlier steps filled in. p_slots: paths relative to params; p_results:
-- {"<key>": <result>}. Results are never scanned for placeholders. fault names the first path that cannot be filled.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_slots is null or p_slots = '[]' then
    params := p_params;
    return next;
    return;
  end if;
  return query select f.document, f.fault, f.fault_code from _fill_slots(p_params, p_slots, null, p_results) f;
end;
$$;
