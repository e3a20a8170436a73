create or replace function _refuse_schedule(p_faults text[])
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Raises that a schedule has faults.
-- Locks: none. Writes: nothing. Raises: OP024.
begin
  raise exception using errcode = 'OP024', message = format('OPS_024: invalid schedule: %s', p_faults[1]),
    detail = to_jsonb(_told_faults(p_faults))::text,
    hint = 'Nothing was changed. Mend every fault listed in the detail; docs/schedules.md has every field.';
end;
$$;
