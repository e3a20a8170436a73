create or replace function _leases_over(out n integer, out oldest timestamptz, out said text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Steps whose lease is over and that nobody took back: how many, 10,000 at most, when the oldest lease ended, and in
-- words, with the transaction that holds a row of its mission and the statement that ends it. Found by the timers that
-- are due: recovery sets one anew for each step that it could not lock.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_step record;
  v_holder record;
begin
  select count(*) as n, min(s.lease_expires_at) as oldest,
         (array_agg(s.id order by s.lease_expires_at, s.id))[1] as id,
         (array_agg(s.mission_id order by s.lease_expires_at, s.id))[1] as mission_id,
         (array_agg(s.worker_id order by s.lease_expires_at, s.id))[1] as worker_id
    into v_step
    from (select distinct u.id
            from (select t.step_ids from ops_timers t
                   where t.due_at <= v_now + interval '2 seconds' order by t.due_at, t.id limit 10000) t
           cross join lateral unnest(t.step_ids) u (id)
           limit 10000) d
    join ops_mission_steps s on s.id = d.id
   where s.status = 'running' and s.lease_expires_at < v_now;
  n := v_step.n;
  oldest := v_step.oldest;
  if n = 0 then
    return;
  end if;
  select h.name, h.since, h.remedy into v_holder
    from _row_holder(array(select m.xmax from ops_missions m where m.id = v_step.mission_id and m.xmax <> '0'::xid
                           union
                           select s.xmax from ops_mission_steps s
                            where s.mission_id = v_step.mission_id and s.xmax <> '0'::xid),
                     array['ops_missions'::regclass, 'ops_mission_steps'::regclass]) h;
  said := format('%s, the oldest %s: step %s of worker %s; ', n, date_trunc('second', _time_between(oldest, v_now)),
                 v_step.id, coalesce(v_step.worker_id, '?'))
    || case when v_holder.remedy is null
            then 'nothing holds its rows: select * from fn_recover_expired_leases();'
            else format('%s holds its rows%s: %s', v_holder.name,
                        ' since ' || date_trunc('second', v_holder.since)::text, v_holder.remedy) end;
end;
$$;
