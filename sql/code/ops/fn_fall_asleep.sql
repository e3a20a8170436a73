create or replace function fn_fall_asleep(
  p_worker_id text,
  p_poll_seconds double precision default null,
  p_beats boolean default true
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- An idle worker declares that it falls asleep: no heartbeat, no sign of life. It counts as alive for as long as the
-- session that calls this is there, which keeps an advisory lock on the worker's id, or, with p_poll_seconds, until it
-- should have looked again and a minute more. Registering again wakes it.
-- Events are told to workers that are asleep only. A transaction that looked before this was committed does not notify.
-- So the first call gives no ticket; the next one gives one for fn_idle_settled, as with fn_declare_idle. Until that is
-- true the worker goes on beating. seconds: until time alone gives a heartbeat something to do, null for never; 0 when
-- there is something now. It matters to a worker that beats (p_beats).
-- Locks: the worker's row; an advisory lock of the session, shared, never waiting. Writes: ops_workers. Raises: OP015
-- for another login's worker, OP018 for a poll that cannot be.
declare
  v_now timestamptz := _now();
  v_until timestamptz;
  v_ticket text;
begin
  perform _assert_own_worker(p_worker_id);
  if p_poll_seconds not between 0 and 86400 or p_poll_seconds = 'NaN' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_poll_seconds must be 0 to 86400, not %s', p_poll_seconds),
      hint = 'Leave it out when the session listens.';
  end if;
  if p_poll_seconds is null and not _keeps_watch(p_worker_id, pg_backend_pid()) then
    perform pg_advisory_lock_shared('ops_workers'::regclass::oid::integer, hashtext(p_worker_id));
  end if;
  v_until := coalesce(v_now + make_interval(secs => p_poll_seconds + 60), 'infinity');
  update ops_workers w
     set asleep_until = v_until, last_seen_at = v_now
   where w.worker_id = p_worker_id and w.asleep_until is null;
  if not found then
    v_ticket := pg_current_xact_id()::text;
  end if;
  return jsonb_build_object('ticket', v_ticket, 'seconds', case when p_beats then _seconds_until_due() end);
end;
$$;
comment on function fn_fall_asleep(text, double precision, boolean) is
  'An idle worker falls asleep: it listens on the session that calls this, or comes back within p_poll_seconds, and '
  'says nothing until then. Returns {"ticket", "seconds"}: ticket is null at first; call it again for one, and stop '
  'beating once fn_idle_settled is true of it. seconds: until a heartbeat has something to do by time alone (null: '
  'never). fn_register_worker wakes it. OPS_015 for another login''s worker, OPS_018 for a poll that cannot be.';
