create or replace function _gate_thresholds_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a gate_thresholds document that its schema does not find. Types count without regard to case, so two
-- that differ in nothing else would hide one of the two scores.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(select format('%s: stands there more than once, in other letters', lower(left(t.key, 80)))
                 from jsonb_object_keys(p_value - 'description') t (key)
                group by lower(left(t.key, 80)) having count(*) > 1);
end;
$$;
