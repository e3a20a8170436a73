create or replace function _fold_attempts()
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Counts attempts that have ended and are not counted yet, some 200,000 at most; each once. Nothing marks a counted
-- attempt: those with completed_at before counted_until that a transaction before counted_below has written are.
-- counted_until moves to a moment noted earlier as soon as every transaction of that time has ended. What a later one
-- commits with an earlier completed_at, as after the clock was set back, is told by its xmin: it is not below
-- counted_below. It is looked for from a minute before counted_until, or before the clock of this look or of the last.
-- One call at a time; a second one does nothing. Numbers of transactions that are yet to come were restored from
-- another server: then all that ended before counted_until is counted.
-- Locks: ops_attempt_fold, SKIP LOCKED. Writes: it, ops_attempt_counts, ops_counts. Raises: nothing.
declare
  c_most constant integer := 200000;
  v_fold record;
  v_now timestamptz := _now();
  v_until timestamptz;
  v_below xid8;
  v_next xid8;
  -- counted_below as a distance from v_below: the xmin of a row has 32 bits, and is at most 2^31 away.
  v_from bigint;
  v_xid bigint;
begin
  select * into v_fold from ops_attempt_fold for update skip locked;
  if not found then
    return;
  end if;
  -- PostgreSQL before version 17 refuses to subtract infinity, which may have been written by hand.
  v_fold.counted_until := greatest(v_fold.counted_until, '0001-01-01 00:00+00');
  v_fold.noted_at := case when isfinite(v_fold.noted_at) then v_fold.noted_at else v_now end;
  -- After the lock, by a snapshot of its own: transactions below have ended, its subtransactions too.
  select pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now) into v_below, v_next
    from (select pg_current_snapshot() as now) s;
  if greatest(v_fold.counted_below, v_fold.noted_next) > v_next then
    update ops_attempt_fold set counted_below = v_next, noted_next = v_next;
    return;
  end if;
  v_until := v_fold.counted_until;
  if v_fold.noted_next <= v_below and v_fold.noted_at > v_until then
    v_until := v_fold.noted_at;
    while v_until - v_fold.counted_until > interval '1 ms'
          and (select count(*) > c_most
                 from (select from ops_action_runs r
                        where r.completed_at >= v_fold.counted_until and r.completed_at < v_until
                        limit c_most + 1) n) loop
      v_until := v_fold.counted_until + (v_until - v_fold.counted_until) / 2;
    end loop;
  end if;
  v_xid := v_below::text::numeric % 4294967296;
  v_from := v_fold.counted_below::text::numeric - v_below::text::numeric;
  perform _add_attempts(array_agg(s.kind), array_agg(r.executor), array_agg(r.status), array_agg(r.seconds))
     from (select n.step_id, n.executor, n.status,
                  case when isfinite(n.started_at) then extract(epoch from n.completed_at - n.started_at) end as seconds
             from (select t.step_id, t.executor, t.status, t.started_at, t.completed_at,
                          mod(t.xmin::text::bigint - v_xid + 6442450944, 4294967296) - 2147483648 as distance
                     from ops_action_runs t
                    where t.completed_at >= least(v_fold.counted_until, v_fold.looked_at, v_now) - interval '1 minute'
                      and t.completed_at < v_until) n
            where n.distance < 0 and (n.completed_at >= v_fold.counted_until or n.distance >= v_from)) r
     left join lateral (select x.kind from ops_mission_steps x where x.id = r.step_id limit 1) s on true
   having count(*) > 0;
  update ops_attempt_fold
     set counted_until = v_until,
         counted_below = greatest(v_fold.counted_below, v_below),
         looked_at = v_now,
         noted_at = case when v_until >= v_fold.noted_at then v_now else v_fold.noted_at end,
         noted_next = case when v_until >= v_fold.noted_at then v_next else v_fold.noted_next end;
end;
$$;
