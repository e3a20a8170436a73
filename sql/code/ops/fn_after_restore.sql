create or replace function fn_after_restore(p_actor text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
set jit = off
set lock_timeout = '2s'
as $$
-- The last step of a restore, of the whole loop or of some of its tables, before workers start. Nothing of the time
-- before it counts any more: leases, locks and claims of the outbox are revoked, and the epoch is raised, past any that
-- the lost time line may have reached, so that fencing tokens only rise. The queue, its marks, its sequences and the
-- timers are made anew from the wide tables, and missions follow from their steps. A second call does no harm: it finds
-- nothing to revoke. Claims and reports that come while it is open are told which transaction they wait for.
-- Locks: control, the barriers, then the queue, in its own transaction: commit at once. Missions and steps SKIP LOCKED.
-- Writes: all tables of the queue, of steps, missions, locks and workers; ops_attempt_fold, ops_control, ops_audit_log.
-- Raises: OP060 a worker lives, or a session is writing to the loop; OP023 another pause, resume or kill is not
-- committed yet.
declare
  -- Both only rise, whatever was restored: ten minutes, and hundredths of a second, since 2020.
  v_since constant numeric := extract(epoch from clock_timestamp() - timestamptz '2020-01-01 00:00+00');
  v_now timestamptz := _now();
  v_live record;
  v_epoch integer;
  v_steps record;
  v_queued jsonb;
  v_result jsonb;
begin
  select string_agg(w.worker_id, ', ' order by w.worker_id) as workers, max(w.live_until) as until into v_live
    from ops_workers_seen w where w.live_until > v_now;
  if v_live.workers is not null then
    raise exception using errcode = 'OP060', message = format('OPS_060: workers are live: %s', v_live.workers),
      detail = jsonb_build_object('live_until', v_live.until)::text,
      hint = format('Stop every worker and relay. Workers that only the backup knows count as gone at %s.',
                    v_live.until);
  end if;
  insert into ops_control (one) values (true) on conflict do nothing;
  perform _lock_control();
  perform from _close_barriers(array['claims', 'reports']);
  begin
    -- _pass_restore
    perform pg_advisory_xact_lock('ops_control'::regclass::oid::integer, 5);
    lock table ops_ready, ops_timers, outbox_heads, outbox_timers, distributed_locks in share row exclusive mode;
  exception when lock_not_available then
    raise exception using errcode = 'OP060', message = 'OPS_060: a session is writing to the loop',
      detail = (select coalesce(jsonb_agg(distinct l.pid), '[]')::text from pg_locks l
                 where (l.relation in ('ops_ready'::regclass, 'ops_timers'::regclass, 'outbox_heads'::regclass,
                                       'outbox_timers'::regclass, 'distributed_locks'::regclass)
                        or (l.locktype = 'advisory' and l.classid = 'ops_control'::regclass and l.objid = 5
                            and l.objsubid = 2
                            and l.database = (select d.oid from pg_database d where d.datname = current_database())))
                   and l.granted and l.pid <> pg_backend_pid()),
      hint = 'End the sessions in the detail, select pg_terminate_backend(pid); or wait for them. Then call again.';
  end;

  update ops_control c
     set epoch = greatest(c.epoch + 1, (v_since / 600)::integer), stragglers = '{}',
         told_server_start = null, updated_at = v_now
  returning c.epoch into v_epoch;
  perform setval('distributed_locks_token_seq',
                 greatest(pg_sequence_last_value('distributed_locks_token_seq'), (v_since * 100)::bigint));
  delete from distributed_locks;
  update ops_workers
     set idle = false, asleep_until = null, stopped_at = coalesce(stopped_at, v_now)
   where idle or stopped_at is null;
  perform _catch_up_sequences();
  -- Transactions of the backup have other numbers now; which attempts are counted, their times say.
  update ops_attempt_fold set counted_below = pg_current_xact_id(), noted_next = pg_current_xact_id();
  perform _reset_queue();
  delete from outbox_timers;
  delete from outbox_heads;

  select * into v_steps from _rebuild_steps();
  v_queued := jsonb_build_object(
    'steps', (select count(*) from ops_mission_steps s where s.status = 'queued'),
    'events', _enqueue_events(array(select e.id from ops_agent_events e where e.processed_at is null)),
    'reactions', _enqueue_reactions(array(select a.id from ops_agent_reactions a
                                           where a.status in ('queued', 'processing'))),
    'messages', _requeue_outbox(array(select o.id from outbox o where o.processed_at is null)));
  v_result := jsonb_build_object(
    'epoch', v_epoch, 'revoked', v_steps.revoked, 'held', v_steps.held, 'remaining', v_steps.remaining,
    'queued', v_queued,
    'may_run_again', jsonb_build_object(
      'were_running', to_jsonb(v_steps.requeued),
      'by_executor', (select coalesce(jsonb_object_agg(g.executor, g.n), '{}')
                        from (select s.executor, count(*) as n from ops_mission_steps s
                               where s.status = 'queued' group by s.executor) g)));
  perform _audit('restore', 'all', '', p_actor, null, v_result);
  return v_result;
end;
$$;
comment on function fn_after_restore(text) is
  'The last step of every restore, as p_actor (default: the login), before workers start: revokes leases and locks, '
  'raises the epoch that leads fencing tokens, and makes queue, marks, sequences and timers anew. Returns {"epoch", '
  '"revoked", "held", "remaining", "queued", "may_run_again"}: held steps wait for a person, remaining ones could not '
  'be taken back; may_run_again names steps that ran at the time of the backup (were_running, 1,000 at most) and '
  'counts what is queued by executor: each may have run since. OPS_060 while a worker lives or a session writes, '
  'OPS_023 another pause, resume or kill is not committed yet.';
