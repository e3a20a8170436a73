create or replace function fn_explain_step(p_step_id uuid)
returns table (step_id uuid, key text, status text, reason text, code text, detail text, frees text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Why a step is not running: one row for each reason, several may hold at once. For a blocked step: what it waits for,
-- what else will keep it from starting, and the reasons of the steps at the root of that, 20 at most, found among the
-- first 1,000 that it waits for. frees: the complete statement that ends this reason; null where only time, a worker or
-- another step does. Statements of several rows are run from top to bottom.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an unknown step.
declare
  v_step ops_mission_steps;
begin
  select * into v_step from ops_mission_steps s where s.id = p_step_id;
  if not found then
    perform _raise_unknown('step', p_step_id);
  end if;
  return query
  with recursive awaited as (
    select s.id, s.depends_on, s.status, s.position
      from ops_mission_steps s where s.id = p_step_id
    union
    select d.id, d.depends_on, d.status, d.position
      from awaited a
      join ops_mission_steps d on d.id = any (a.depends_on)
     where a.status = 'blocked' and d.status not in ('succeeded', 'skipped')
       and not (d.status = 'failed' and d.on_failure = 'continue')
  ), root as (
    select a.id, a.position from (select * from awaited limit 1000) a
     where a.status <> 'blocked' and a.id <> p_step_id
     order by a.position, a.id
     limit 20
  )
  select x.step_id, x.key, x.status, x.reason, x.code, x.detail, x.frees
    from (select e.step_id, e.key, e.status, e.reason, e.code, e.detail, e.frees,
          case when e.step_id = p_step_id then 1 else 3 end as part, e.ordinality
            from _explain_steps(p_step_id || array(select r.id from root r order by r.position, r.id)) with ordinality e
          union all
          select v_step.id, v_step.key, v_step.status, o.reason, o.code, o.detail, o.frees, 2, o.ordinality
            from _explain_step(p_step_id) with ordinality o
           where v_step.status = 'blocked') x
   order by x.part, x.ordinality;
end;
$$;
comment on function fn_explain_step(uuid) is
  'Why a step is not running: a row per reason (dependency, approval, hold, pause, session, cap, policy, no_worker, '
  'lease, retry_timer, time, event, mission, queue, ended) with the SQL statement that frees it; for a blocked step '
  'also those of the steps at its root. OPS_012 for an unknown step.';
