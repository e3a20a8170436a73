create or replace function _explain_steps(p_step_ids uuid[])
returns table (step_id uuid, key text, status text, reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Why these steps are not running now, one row for each step and reason, in the order given. A blocked step has a row
-- for each step that it waits for, 20 at most, with the statement that frees that step if it is among those given.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with step as materialized (
    select g.no, s.id, s.key, s.status, s.depends_on
      from unnest(p_step_ids) with ordinality g (id, no)
      join ops_mission_steps s on s.id = g.id
  ), own as materialized (
    select s.no, e.ordinality as nth, s.id, s.key, s.status, e.reason, e.code, e.detail, e.frees
      from step s
     cross join lateral _explain_step(s.id) with ordinality e (reason, code, detail, frees)
     where s.status <> 'blocked'
  ), dependency as (
    select s.no, coalesce(d.nth, 1) as nth, s.id, s.key, s.status, 'dependency', null,
           case when d.id is null
                then 'blocked, though all that it depends on has ended; put back by hand, the next heartbeat adopts it'
                else format('waits for step %s, which is %s', d.key, d.status) end,
           case when d.id is null
                then format('update %I.ops_mission_steps set status = ''queued'' where id = %L;', current_schema(),
                            s.id)
                else (select o.frees from own o where o.id = d.id and o.frees is not null order by o.nth limit 1) end
      from step s
      left join lateral (
        select n.id, n.key, n.status, row_number() over (order by n.position, n.id) as nth
          from ops_mission_steps n
         where n.id = any (s.depends_on) and n.status not in ('succeeded', 'skipped')
           and not (n.status = 'failed' and n.on_failure = 'continue')
         order by n.position, n.id
         limit 20) d on true
     where s.status = 'blocked'
  )
  select r.id, r.key, r.status, r.reason, r.code, r.detail, r.frees
    from (table own union all table dependency) r (no, nth, id, key, status, reason, code, detail, frees)
   order by r.no, r.nth;
end;
$$;
