create or replace function _is_given_lease(p_lease_expires_at timestamptz, p_deadline_at timestamptz)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a claim or an extension can have given a lease that ends then to an attempt with that deadline: it ends some
-- seconds after the deadline at the latest. Others were written by hand.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return p_lease_expires_at is not null
         and p_lease_expires_at <= least(coalesce(p_deadline_at, '-infinity'), timestamptz '9999-12-31 00:00+00')
                                   + interval '1 minute';
end;
$$;
