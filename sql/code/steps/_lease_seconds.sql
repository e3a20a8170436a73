create or replace function _lease_seconds(p_asked integer, p_worker_policy jsonb)
returns double precision
language plpgsql
immutable
set search_path from current
as $$
-- How long a lease lasts, in seconds: as the worker asks (its environment), else lease_minutes of worker_policy,
-- else 30.
-- Locks: none. Writes: nothing. Raises: OP018 unless it is from 1 second to 1 day.
declare
  v_seconds double precision :=
    coalesce(p_asked, (p_worker_policy ->> 'lease_minutes')::double precision * 60, 30);
begin
  if v_seconds not between 1 and 86400 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: a lease of %s seconds is not valid', v_seconds),
      hint = 'p_lease_seconds and worker_policy.lease_minutes: from 1 second to 1 day.';
  end if;
  return v_seconds;
end;
$$;
