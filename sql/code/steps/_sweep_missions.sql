create or replace function _sweep_missions(p_now timestamptz, p_limit integer)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- One part of the rolling scan of missions: up to p_limit missions, of which the live ones have up to p_limit steps.
-- Returns the live missions whose counters or status do not follow from their steps, or that have a blocked step which
-- waits for nothing more: steps of theirs were deleted or set by hand. Missions without steps, and those that nothing
-- moves, are noted in ops_strays. Null when it is not the caller's turn (_begin_sweep); p_now null: it always is.
-- Locks: the turn of the sweep. Writes: ops_sweep, ops_strays. Raises: nothing.
declare
  v_from uuid := _begin_sweep('missions', p_now);
  v_part record;
begin
  if v_from is null then
    return null;
  end if;
  with part as materialized (
    select m.id, m.status, m.steps_total, m.steps_open, m.steps_failed
      from ops_missions m where m.id > v_from order by m.id limit p_limit
  ), live as materialized (
    select p.*, sum(p.steps_total) over (order by p.id) as upto
      from part p where p.status in ('approved', 'running')
  ), looked_at as materialized (
    -- One at least, however many steps it has.
    select l.* from live l where l.upto <= p_limit or l.upto = l.steps_total
  ), counted as materialized (
    select l.*, c.*
      from looked_at l
     cross join lateral (
       select count(*) as total,
              count(*) filter (where s.status in ('blocked', 'queued', 'running', 'waiting')) as open,
              count(*) filter (where s.status in ('queued', 'running', 'waiting')) as moving,
              count(*) filter (where s.status in ('running', 'succeeded')) as begun,
              count(*) filter (where s.status = 'failed') as failed,
              count(*) filter (where s.status = 'failed' and s.on_failure = 'fail') as fatal,
              count(*) filter (where s.status = 'blocked' and not exists (
                select from ops_mission_steps d
                 where d.id = any (s.depends_on)
                   and d.status <> 'succeeded' and not (d.status = 'failed' and d.on_failure = 'continue'))) as freed
         from ops_mission_steps s where s.mission_id = l.id) c
  )
  select (select count(*) from part) as seen,
         case when (select count(*) from looked_at) < (select count(*) from live)
              then (select l.id from looked_at l order by l.id desc limit 1)
              else (select p.id from part p order by p.id offset p_limit - 1) end as last,
         array_agg(c.id) filter (where c.total = 0) as without_steps,
         array_agg(c.id) filter (where c.open > 0 and c.moving = 0 and c.freed = 0 and c.fatal = 0) as stuck,
         array_agg(c.id) filter (where c.total > 0 and (
           c.open <> c.steps_open or c.failed <> c.steps_failed or c.open = 0 or c.fatal > 0 or c.freed > 0
           or (c.status = 'approved' and c.begun > 0))) as broken
    into v_part
    from counted c;
  perform _note_strays('mission without steps', v_from, v_part.last, v_part.without_steps,
                       'select fn_cancel_mission(%L);');
  perform _note_strays('stuck mission', v_from, v_part.last, v_part.stuck, 'select fn_cancel_mission(%L);');
  perform _end_sweep('missions', p_now, v_part.seen, v_part.last, v_part.broken is not null);
  return _not_aside(v_part.broken);
end;
$$;
