create or replace function fn_recover_expired_leases()
returns table (requeued_steps integer, failed_steps integer)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Works on the timers that are due, about 20,000 steps or two seconds a call: queues retries whose time has come, and
-- takes steps back whose lease ran out. Such a step is tried again, failed for good when no tries are left, or, where
-- running twice could hurt (on_lease_lost hold), parked until a person says how it ended. One on whose data that fails
-- is failed with the code of the error, and stops no other. Never waits.
-- Locks: timers, missions and steps, SKIP LOCKED. Writes: ops_timers, ops_mission_steps, ops_action_runs, ops_ready,
-- ops_missions, ops_agent_events, dead_letter_archive. Raises: errors not caused by the data.
declare
  c_part constant integer := 500;
  v_now timestamptz := _now();
  v_began constant timestamptz := clock_timestamp();
  v_due uuid[];
  v_looked_at integer := 0;
  v_lease record;
begin
  requeued_steps := 0;
  failed_steps := 0;
  -- Mostly nothing is due, and this look keeps its plan; that of the statement below is made anew each time.
  while v_looked_at < 20000 and exists (select from ops_timers d where d.due_at <= v_now) loop
    with due as (
      delete from ops_timers t
       where (t.due_at, t.id) in (
         select d.due_at, d.id from ops_timers d
          where d.due_at <= v_now
          order by d.due_at, d.id
          limit 100
            for update skip locked)
      returning t.step_ids
    )
    select array_agg(distinct s) into v_due from due d cross join lateral unnest(d.step_ids) s;
    exit when v_due is null;
    v_looked_at := v_looked_at + cardinality(v_due);

    while v_due <> '{}' loop
      select * into v_lease from _recover_each('due', v_due[:c_part]);
      requeued_steps := requeued_steps + v_lease.requeued;
      failed_steps := failed_steps + v_lease.failed;
      v_due := v_due[c_part + 1:];
      -- Many large steps that fail for good at once: the rest is due again in a second.
      if clock_timestamp() > v_began + interval '2 seconds' then
        perform _rearm_timers(v_due);
        return next;
        return;
      end if;
    end loop;
  end loop;
  return next;
end;
$$;
comment on function fn_recover_expired_leases() is
  'Queues retries whose time has come and takes back steps whose lease ran out; returns how many leases were requeued '
  'and how many steps failed for good. Bounded: some 20,000 steps or two seconds a call. Safe to call at any time, any '
  'number at once.';
