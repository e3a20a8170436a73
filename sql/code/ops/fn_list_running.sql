create or replace function fn_list_running(p_limit integer default 50)
returns table (
  step_id uuid,
  mission_id uuid,
  key text,
  kind text,
  executor text,
  attempt integer,
  worker_id text,
  reserved_at timestamptz,
  lease_expires_at timestamptz,
  deadline_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Running steps, those that began first of 10,000 at most. Found by their timers: when the latest timers name more than
-- 100,000 steps, steps that have run long without an extension may be missing.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, s.worker_id, s.reserved_at, s.lease_expires_at,
    s.deadline_at
    from ops_mission_steps s
   where s.id = any (_running_steps(10000))
   order by s.reserved_at, s.id
   limit p_limit;
end;
$$;
comment on function fn_list_running(integer) is
  'Lists up to p_limit (1 to 1000) steps that run, those that began first, and which worker runs them; none when the '
  'loop has drained. OPS_018 for a bad limit.';
