create or replace function fn_rates(p_minutes integer default 60)
returns table (
  minute timestamptz,
  events bigint,
  decisions bigint,
  succeeded bigint,
  failed bigint
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Counts for each of the last p_minutes, with the present one: events but for those of heartbeats,
-- proposals decided by policy or persons, attempts that succeeded, and that failed or were lost. Bounded: of each some
-- 10,000 rows are read, and a minute that these do not reach has null.
-- Locks: none. Writes: nothing. Raises: OP018 for a number of minutes that cannot be.
declare
  c_most constant integer := 10000;
  v_now constant timestamptz := _now();
  v_first timestamptz;
  v_attempts timestamptz;
begin
  if p_minutes is null or p_minutes not between 1 and 1440 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_minutes must be from 1 to 1440, not %s', coalesce(p_minutes::text, 'null')),
      detail = jsonb_build_object('p_minutes', p_minutes)::text, hint = 'select * from fn_rates(60);';
  end if;
  v_first := date_trunc('minute', v_now) - make_interval(mins => p_minutes - 1);
  v_attempts := _attempts_from(v_first, c_most);
  return query
  with event as materialized (
    select e.type, e.created_at as at from ops_agent_events e order by e.id desc limit c_most
  ), proposal as materialized (
    select p.created_at, case when p.status not in ('pending', 'voting') then coalesce(p.approved_at, p.updated_at) end
             as at
      from ops_mission_proposals p order by p.id desc limit c_most
  ), attempt as materialized (
    select r.status, r.completed_at as at from ops_action_runs r where r.completed_at >= v_attempts limit c_most
  ), reach as (
    -- From when on all rows were read: from ever, where there are no more of them.
    select (select case when count(*) = c_most then min(e.at) end from event e) as events,
           (select case when count(*) = c_most then min(p.created_at) end from proposal p) as decisions
  ), event_count as (
    select date_trunc('minute', e.at) as minute, count(*) as n from event e
     where e.at >= v_first and e.type not like 'heartbeat:%' group by 1
  ), decision_count as (
    select date_trunc('minute', p.at) as minute, count(*) as n from proposal p where p.at >= v_first group by 1
  ), attempt_count as (
    select date_trunc('minute', a.at) as minute, count(*) filter (where a.status = 'succeeded') as succeeded,
           count(*) filter (where a.status in ('failed', 'lost')) as failed
      from attempt a where a.at >= v_first group by 1
  )
  select m.at,
         case when r.events is null or r.events <= m.at then coalesce(e.n, 0) end,
         case when r.decisions is null or r.decisions <= m.at then coalesce(d.n, 0) end,
         case when v_attempts <= m.at then coalesce(a.succeeded, 0) end,
         case when v_attempts <= m.at then coalesce(a.failed, 0) end
    from generate_series(v_first, date_trunc('minute', v_now), interval '1 minute') m (at)
   cross join reach r
    left join event_count e on e.minute = m.at
    left join decision_count d on d.minute = m.at
    left join attempt_count a on a.minute = m.at
   order by m.at;
end;
$$;
comment on function fn_rates(integer) is
  'Counts for each of the last p_minutes (1 to 1440): events, proposals decided, attempts succeeded, and failed '
  'or lost; null for a minute that some 10,000 rows of each do not reach. OPS_018 for a number that cannot be.';
