create or replace function _backoff_seconds(p_step_id uuid, p_failures integer, p_worker_policy jsonb)
returns double precision
language plpgsql
immutable
set search_path from current
as $$
-- How long to wait before the next attempt: base × factor^(failures - 1), at most max_seconds, spread by ± jitter. The
-- jitter is a hash of step and failure, so that the same history gives the same times.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_backoff jsonb := coalesce(p_worker_policy -> 'backoff', '{}');
  v_seconds double precision;
begin
  v_seconds := least(
    coalesce((v_backoff ->> 'base_seconds')::double precision, 2)
      * coalesce((v_backoff ->> 'factor')::double precision, 2) ^ least(p_failures - 1, 60),
    coalesce((v_backoff ->> 'max_seconds')::double precision, 600));
  return v_seconds * (1 + coalesce((v_backoff ->> 'jitter')::double precision, 0.2)
                          * (2 * _chance(p_step_id::text || '/' || p_failures::text)::double precision - 1));
end;
$$;
