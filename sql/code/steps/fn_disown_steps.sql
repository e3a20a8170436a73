create or replace function fn_disown_steps(p_worker_id text, p_lease_tokens uuid[])
returns integer
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- For a worker that never got the answer to a claim: gives back, as never started, the running steps that are leased to
-- it under a token which is not one of p_lease_tokens. The worker calls it while no claim of its own is on its way, or
-- the steps of that claim would be given back, and again for as long as a lost claim may still commit. Never waits:
-- steps whose mission another session has locked are left for the next call.
--
-- There is no index on the worker, as every claim would have to write it. The steps of a claim share a timer, due when
-- their leases end: of those within one lease from now the latest 20,000 are looked at, and of each its first step. So
-- steps that are left get a timer of their own. Leases that the kill switch made void are recovery's: a worker forgets
-- an attempt that it began once its report was refused for that.
-- Locks: the barrier of reports; missions, then steps, SKIP LOCKED. Writes: ops_mission_steps, ops_action_runs,
-- ops_ready, ops_timers, ops_missions. Raises: OP015 for another login's worker, OP018.
declare
  v_now timestamptz := _now();
  v_lease interval;
  v_epoch integer;
  v_unheard uuid[];
  v_missions uuid[];
  v_back uuid[];
begin
  if p_lease_tokens is null or array_position(p_lease_tokens, null) is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_lease_tokens must be tokens, none of them null',
      hint = 'Give the tokens of all leases that this worker knows of; {} for none.';
  end if;
  perform _assert_own_worker(p_worker_id);
  perform _pass_barrier('reports');
  select make_interval(secs => _lease_seconds((w.settings ->> 'lease_seconds')::integer, _policy('worker_policy')))
    into v_lease
    from ops_workers w where w.worker_id = p_worker_id;
  if v_lease is null then
    return 0;
  end if;
  select c.epoch into v_epoch from ops_control c;
  v_unheard := array(
    select distinct s.id
      from (select t.step_ids from ops_timers t
             where t.due_at > v_now and t.due_at <= v_now + v_lease
             order by t.due_at desc, t.id desc
             limit 20000) t
     -- Plans 1, twice.
     cross join lateral (select f.status, f.worker_id, f.lease_token
                           from ops_mission_steps f where f.id = t.step_ids[1] limit 1) f
     cross join lateral unnest(t.step_ids) u (id)
     cross join lateral (select c.id, c.status, c.worker_id, c.lease_token, c.lease_epoch
                           from ops_mission_steps c where c.id = u.id limit 1) s
     where f.status = 'running' and f.worker_id = p_worker_id and f.lease_token <> all (p_lease_tokens)
       and s.status = 'running' and s.worker_id = p_worker_id and s.lease_token <> all (p_lease_tokens)
       and s.lease_epoch = v_epoch
     limit 10000);
  if v_unheard = '{}' then
    return 0;
  end if;

  v_missions := _lock_free_missions(v_unheard);
  v_back := array(
    select s.id from ops_mission_steps s
     where s.id = any (v_unheard) and s.mission_id = any (v_missions) and s.status = 'running'
       and s.worker_id = p_worker_id and s.lease_token <> all (p_lease_tokens) and s.lease_epoch = v_epoch);
  insert into ops_timers (due_at, step_ids)
  select s.lease_expires_at, array_agg(s.id)
    from ops_mission_steps s
   where s.id = any (v_unheard) and s.id <> all (v_back) and s.status = 'running' and s.worker_id = p_worker_id
   group by s.lease_expires_at;
  if v_back <> '{}' then
    perform _give_back_steps(v_back, array_fill(false, array[cardinality(v_back)]),
                             array_fill(text 'the answer to the claim was lost', array[cardinality(v_back)]),
                             array_fill(null::text, array[cardinality(v_back)]), 'released', '%s');
  end if;
  return cardinality(v_back);
end;
$$;
comment on function fn_disown_steps(text, uuid[]) is
  'Gives back, as never started and at once claimable, the steps that are leased to this worker under a token that '
  'p_lease_tokens does not have: those of a claim whose answer was lost. Returns how many. Call it while no claim is '
  'on its way, with the tokens of all attempts that were begun and whose end is not confirmed. OPS_015 for another '
  'login''s worker, OPS_018 without tokens.';
