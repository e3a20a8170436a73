create or replace function fn_list_workers(p_limit integer default 100)
returns table (
  worker_id text,
  status text,
  hostname text,
  pid integer,
  version text,
  login text,
  executors text[],
  running bigint,
  started_at timestamptz,
  last_seen_at timestamptz,
  stopped_at timestamptz,
  refused text
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Worker processes for people to read: those that live first, then the last that were seen. status: _worker_status.
-- running: steps that it has. refused: the code for which its claims are refused.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  with known as (
    select w.worker_id,
           _worker_status(w.stopped_at, s.live_until, s.asleep) as status
      from ops_workers w
      left join ops_workers_seen s on s.worker_id = w.worker_id
  ), having_steps as (
    select r.worker_id, count(*) as n
      from ops_mission_steps r
     where r.id = any (_running_steps(10000))
     group by r.worker_id
  )
  select w.worker_id, k.status, w.hostname, w.pid, w.version, w.login,
         array(select e from jsonb_object_keys(w.executors) e order by e), coalesce(h.n, 0),
         w.started_at, w.last_seen_at, w.stopped_at, w.settings -> 'claim_refused' ->> 'code'
    from ops_workers w
    join known k on k.worker_id = w.worker_id
    left join having_steps h on h.worker_id = w.worker_id
   order by k.status not in ('live', 'asleep'), w.last_seen_at desc, w.worker_id
   limit p_limit;
end;
$$;
comment on function fn_list_workers(integer) is
  'Lists up to p_limit (1 to 1000) worker processes, those that live first: live, asleep, gone or stopped, with what '
  'they offer and how many steps they have. OPS_018 for a limit that cannot be.';
