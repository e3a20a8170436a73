create or replace function fn_claim_steps(
  p_worker_id text,
  p_limit integer default 1,
  p_lease_seconds integer default null,
  p_executors text[] default null
)
returns table (
  step_id uuid,
  mission_id uuid,
  key text,
  kind text,
  executor text,
  run_with text,
  params jsonb,
  inputs jsonb,
  progress jsonb,
  attempt integer,
  lease_token uuid,
  lease_expires_at timestamptz,
  deadline_at timestamptz,
  idempotency_key text
)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Leases up to p_limit ready steps to a worker and begins their attempts. Each step comes with a token that every later
-- report about it must show. Steps that policy no longer covers, or that a pause covers, are parked; steps whose
-- placeholders have no value fail. A step on whose data the claim fails is failed with the code of that error, and the
-- others are leased. No step is leased while everything is paused, nor on a node of a fleet whose server has started
-- since the front last told it what is paused (fn_tell_node). A step that another session holds, or whose mission it
-- holds, stays queued, and other work is taken; where there is none the claim waits for 50 ms at most.
-- Locks: the barrier of claims; ops_ready (SKIP LOCKED), then missions to start or fail, then steps, each in id order:
-- the updates scan the primary key by the ids given, hence the pins (Plans 5). Writes: ops_ready,
-- ops_missions, ops_mission_steps, ops_timers, ops_workers, ops_parked_steps, marks of lanes. Raises: OP018 for a bad
-- argument, OP015 for the id of another login's worker, OP101 and OP102 while the loop moves and when it has.
declare
  v_now timestamptz;
  v_epoch integer;
  v_stopped boolean;
  v_parks boolean;
  v_generation integer;
  v_worker_policy jsonb;
  v_lease interval;
  v_picked record;
  v_run uuid[];
  v_limits jsonb;
  v_from integer := 1;
  v_size integer;
  v_message text;
begin
  if p_limit is null or p_limit not between 1 and 10000 or coalesce(p_worker_id, '') = '' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: cannot claim %s steps for worker %s', p_limit, quote_nullable(p_worker_id)),
      hint = 'p_limit: 1 to 10000; p_worker_id: the id of this process.';
  end if;
  perform _pass_barrier('claims');
  -- One statement, one snapshot: else steps judged by an old document could be recorded as judged by a new one.
  select (select c.epoch from ops_control c),
         exists (select from ops_pauses p where p.scope in ('all', 'move'))
         or exists (select from ops_control c
                     where c.node > 0 and c.told_server_start is distinct from pg_postmaster_start_time()),
         exists (select from ops_pauses p where p.parks), _policy_generation(), _policy('worker_policy')
    into v_epoch, v_stopped, v_parks, v_generation, v_worker_policy;
  v_lease := make_interval(secs => _lease_seconds(p_lease_seconds, v_worker_policy));
  if v_stopped then
    perform _refuse_move();
    return;
  end if;
  select * into v_picked from _pick_steps(p_executors, p_limit, v_generation, v_worker_policy, v_parks);
  if v_picked.held <> '{}' then
    -- The second look would forget steps that are to be parked or queued again: these come first.
    if v_picked.run || v_picked.paused || v_picked.later = '{}' and v_picked.faults || v_picked.holds = '{}' then
      for v_try in 1..5 loop
        perform pg_sleep(0.01);
        exit when cardinality(_held_steps(v_picked.held, '{}')) < cardinality(v_picked.held);
      end loop;
      perform _return_to_queue(v_picked.held);
      select * into v_picked from _pick_steps(p_executors, p_limit, v_generation, v_worker_policy, v_parks);
    end if;
    perform _return_to_queue(v_picked.held);
  end if;
  if v_picked.faults <> '{}' or v_picked.holds <> '{}' or v_picked.later <> '{}' then
    perform _refuse_steps(v_picked.faults, v_picked.holds);
    perform _enqueue_steps(v_picked.later);
  end if;
  if v_picked.run = '{}' then
    if v_picked.paused <> '{}' then
      perform _park_picked(v_picked.paused, v_picked.scopes, v_picked.targets, '{}', p_executors);
    end if;
    return;
  end if;
  v_size := cardinality(v_picked.run);
  v_limits := _attempt_limits(v_picked.executors, v_worker_policy, p_worker_id);
  -- One part, unless it fails on data: then parts are halved until each step on which it fails stands alone. The sort
  -- of the last statement has read every row before it returns the first, so a part that fails has returned nothing.
  while v_from <= cardinality(v_picked.run) loop
    v_run := v_picked.run[v_from : v_from + v_size - 1];
    begin
      v_now := _now();
      update ops_missions m
         set status = 'running', started_at = v_now, updated_at = v_now
       where m.id = any (v_picked.missions[v_from : v_from + v_size - 1]) and m.status = 'approved';
      if v_picked.paused <> '{}' and v_from = 1 then
        perform _park_picked(v_picked.paused, v_picked.scopes, v_picked.targets, v_run, p_executors);
      end if;
      -- Not waited for: a worker that counts as idle for longer is notified once too often.
      update ops_workers w set idle = false
       where w.worker_id = (select k.worker_id from ops_workers k where k.worker_id = p_worker_id and k.idle
                               for no key update skip locked);
      v_now := _now();

      return query
      with claimed as (
        update ops_mission_steps s
           set status = 'running', attempt = s.attempt + 1, worker_id = p_worker_id, lease_token = gen_random_uuid(),
               lease_epoch = v_epoch, reserved_at = v_now,
               deadline_at = v_now + make_interval(secs =>
                 coalesce(s.timeout_seconds, (v_limits -> s.executor ->> 0)::double precision)),
               lease_expires_at = v_now + least(v_lease, make_interval(secs =>
                 coalesce(s.timeout_seconds, (v_limits -> s.executor ->> 0)::double precision) + 5)),
               max_retries = coalesce(s.max_retries, (v_limits -> s.executor ->> 1)::integer),
               cancel_requested = false, wait_reason = null, judged_generation = v_generation, updated_at = v_now
         where s.id = any (v_run) and s.status = 'queued'
        returning s.id, s.mission_id, s.key, s.kind, s.executor, s.params, s.depends_on, s.progress, s.attempt,
          s.lease_token,
                  s.lease_expires_at, s.deadline_at, s.priority, s.ready_seq
      ), timer as (
        insert into ops_timers (due_at, step_ids)
        select c.lease_expires_at, array_agg(c.id) from claimed c group by c.lease_expires_at
      )
      select c.id, c.mission_id, c.key, c.kind, c.executor,
             case when v_picked.params = '{}' then c.executor
                  else coalesce(v_picked.params -> c.id::text ->> 'run_with', c.executor) end,
             case when v_picked.params = '{}' then c.params
                  else coalesce(v_picked.params -> c.id::text -> 'params', c.params) end,
             case when c.depends_on = '{}' then '{}'
                  else (select coalesce(jsonb_object_agg(d.key, d.result), '{}')
                          from ops_mission_steps d where d.id = any (c.depends_on) and d.key is not null) end,
             c.progress, c.attempt, c.lease_token, c.lease_expires_at, c.deadline_at, 'step:' || c.id::text
        from claimed c
       order by c.priority desc, c.ready_seq;

      v_from := v_from + cardinality(v_run);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      perform _lock_missions_of(v_picked.run || v_picked.paused);
      if v_picked.paused <> '{}' then
        -- Perhaps it was one of these. They are queued still, and the sweep finds them.
        v_picked.paused := '{}';
      elsif cardinality(v_run) > 1 then
        v_size := (cardinality(v_run) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        perform _fail_alone(v_run[1], _error_code(sqlstate), _error_text(sqlstate, v_message));
        v_from := v_from + 1;
      end if;
    end;
  end loop;
end;
$$;
comment on function fn_claim_steps(text, integer, integer, text[]) is
  'Leases up to p_limit (default 1, at most 10000) ready steps to a worker: higher priorities first, then oldest. '
  'p_lease_seconds: default by policy, else 30. p_executors: what the worker offers; null for all. Returns each with '
  'its rendered params, results of its dependencies (inputs), last progress and the token that every later word about '
  'it must show. OPS_018 for a bad argument.';
