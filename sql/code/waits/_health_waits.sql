create or replace function _health_waits()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: waits for a time, timeouts and retries that are over, and events that steps wait
-- for and were not given: for how long the oldest has been so, 10,000 timers looked at, and in words, with what is in
-- the way. Found by the timers that are due: a heartbeat sets one anew for each step that it could not lock.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_step record;
  v_event timestamptz;
  v_holder record;
begin
  select count(*) as n, min(d.due) as oldest, (array_agg(d.id order by d.due, d.id))[1] as id,
         (array_agg(d.mission_id order by d.due, d.id))[1] as mission_id
    into v_step
    from (select s.id, s.mission_id, case s.status when 'waiting' then p.until else s.run_after end as due
            from (select distinct u.id
                    from (select t.step_ids from ops_timers t
                           where t.due_at <= v_now + interval '2 seconds' order by t.due_at, t.id limit 10000) t
                   cross join lateral unnest(t.step_ids) u (id)
                   limit 10000) n
           cross join lateral (select o.id, o.mission_id, o.status, o.run_after from ops_mission_steps o
                                where o.id = n.id and o.status in ('waiting', 'queued') limit 1) s
            left join ops_parked_steps p on p.step_id = s.id) d
   where d.due < v_now;
  v_event := (select e.processed_at
                from (select a.event_id from ops_awaited_events a
                       where a.keep_until is null order by a.seq limit 1) a
               cross join lateral (select o.processed_at from ops_agent_events o where o.id = a.event_id limit 1) e);
  select h.name, h.remedy into v_holder
    from _row_holder(array(select m.xmax from ops_missions m where m.id = v_step.mission_id and m.xmax <> '0'::xid
                           union
                           select s.xmax from ops_mission_steps s
                            where s.mission_id = v_step.mission_id and s.xmax <> '0'::xid),
                     array['ops_missions'::regclass, 'ops_mission_steps'::regclass]) h;
  return query
  select 'opsloop_waits_overdue_seconds',
         greatest(extract(epoch from _time_between(v_step.oldest, v_now)),
                  extract(epoch from _time_between(v_event, v_now)), 0),
         coalesce(
           nullif(concat_ws('; ',
             case when v_step.n > 0
                  then format('%s over, the oldest %s: step %s', v_step.n,
                              date_trunc('second', _time_between(v_step.oldest, v_now)), v_step.id)
                    || coalesce(format(', held by %s: %s', v_holder.name, v_holder.remedy), '') end,
             'an event not given for ' || date_trunc('second', _time_between(v_event, v_now))::text), ''),
           'none');
end;
$$;
