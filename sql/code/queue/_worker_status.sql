create or replace function _worker_status(p_stopped_at timestamptz, p_live_until timestamptz, p_asleep boolean)
returns text
language plpgsql
stable
set search_path from current
as $$
-- How a worker is, from its row and that of ops_workers_seen: live; asleep (alive, and without a sign of life until
-- there is something to do); gone (it gave none in time, and did not say that it ends); or stopped.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_stopped_at is not null then 'stopped'
              when p_live_until > _now() then case when p_asleep then 'asleep' else 'live' end
              else 'gone' end;
end;
$$;
