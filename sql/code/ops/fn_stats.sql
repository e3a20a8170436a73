create or replace function fn_stats(p_since interval default '1 hour', p_by text default 'kind')
returns table (
  name text,
  started bigint,
  succeeded bigint,
  failed bigint,
  lost bigint,
  other bigint,
  running bigint,
  p50_seconds numeric,
  p95_seconds numeric
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The attempts of the last p_since, by kind, executor, worker or source: attempts that began (started) or ended
-- (succeeded, failed, lost, other: released, cancelled and fenced) in that time, those that run now, and how long the
-- succeeded and failed ones took. Of the attempts that ended the newest 1,000,000 are read; a notice says from when on
-- where more ended in that time.
-- Locks: none. Writes: nothing. Raises: OP018 for a p_since or p_by that cannot be.
declare
  c_most constant integer := 1000000;
  v_since timestamptz;
  v_from timestamptz;
begin
  if p_since is null or p_since <= interval '0' or p_since > interval '366 days'
     or p_by is null or p_by not in ('kind', 'executor', 'worker', 'source') then
    raise exception using errcode = 'OP018',
      message = case when p_by in ('kind', 'executor', 'worker', 'source')
                     then format('OPS_018: p_since must be more than nothing and at most 366 days, not %s', p_since)
                     else format('OPS_018: p_by must be kind, executor, worker or source, not %s',
                                 quote_nullable(p_by)) end,
      detail = jsonb_build_object('p_since', p_since::text, 'p_by', left(p_by, 100))::text,
      hint = 'select * from fn_stats(''1 hour'', ''executor'');';
  end if;
  v_since := _now() - p_since;
  v_from := _attempts_from(v_since, c_most);
  if v_from > v_since then
    raise notice 'more than % attempts ended since %: those are counted that ended since %', c_most, v_since, v_from;
  end if;
  return query
  with attempt as (
    select r.status, r.started_at, r.completed_at, r.executor, r.worker_id, r.step_id
      from (select n.* from ops_action_runs n where n.completed_at >= v_from limit c_most) r
    union all
    select 'running', s.reserved_at, null, s.executor, s.worker_id, s.id
      from ops_mission_steps s
     where s.id = any (_running_steps(10000))
  ), named as (
    select case p_by
             when 'executor' then a.executor
             when 'worker' then a.worker_id
             when 'kind' then s.kind
             else (select p.source from ops_missions m join ops_mission_proposals p on p.id = m.proposal_id
                    where m.id = s.mission_id) end as name,
           a.status, a.started_at, extract(epoch from _time_between(a.started_at, a.completed_at)) as seconds
      from attempt a
      left join lateral (select t.kind, t.mission_id from ops_mission_steps t
                          where t.id = a.step_id and p_by in ('kind', 'source') limit 1) s on true
  )
  select n.name, count(*) filter (where n.started_at >= v_since), count(*) filter (where n.status = 'succeeded'),
         count(*) filter (where n.status = 'failed'), count(*) filter (where n.status = 'lost'),
         count(*) filter (where n.status in ('released', 'cancelled', 'fenced')),
         count(*) filter (where n.status = 'running'),
         round((percentile_cont(0.5) within group (order by n.seconds)
                  filter (where n.status in ('succeeded', 'failed')))::numeric, 3),
         round((percentile_cont(0.95) within group (order by n.seconds)
                  filter (where n.status in ('succeeded', 'failed')))::numeric, 3)
    from named n
   group by n.name
   order by count(*) filter (where n.status in ('failed', 'lost')) desc, count(*) desc, n.name
   limit 1000;
end;
$$;
comment on function fn_stats(interval, text) is
  'The attempts of the last p_since (default an hour, at most 366 days), a row each kind, executor, worker or source '
  '(p_by), most failures first: attempts started, succeeded, failed, lost, ended otherwise, running now, and seconds '
  'that half and 95 of 100 took at most. Of more than 1,000,000 that ended the newest are counted, and a notice says '
  'from when on. OPS_018 for a time or grouping that cannot be.';
