create or replace function _retain_missions(
  p_after uuid,
  p_cuts jsonb,
  p_how text,
  p_batch text,
  p_limit integer
)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- As _retain_part, for missions: those that ended before their cut go, with all that is theirs, unless something open
-- needs them or another session holds one of their rows. At most 2,000 steps at a time, so that a batch is short.
-- Locks: missions, then their steps, SKIP LOCKED. Writes, raises: as _purge_missions.
declare
  c_steps constant integer := 2000;
  v_missions constant timestamptz := (p_cuts ->> 'missions')::timestamptz;
  v_failed constant timestamptz := (p_cuts ->> 'failed')::timestamptz;
  v_young constant timestamptz := greatest(v_missions, v_failed);
  v_seen record;
  v_free uuid[];
  v_needed uuid[];
begin
  with seen as materialized (
    select m.id, m.created_at, m.steps_total,
           m.status in ('succeeded', 'failed', 'cancelled')
           and m.completed_at < case when m.status = 'failed' then v_failed else v_missions end as goes
      from ops_missions m where p_after is null or m.id > p_after
     order by m.id
     limit p_limit
  ), counted as (
    select s.*, row_number() over (order by s.id) as no,
           sum(case when s.goes then s.steps_total else 0 end) over (order by s.id) as steps
      from seen s
  )
  select count(*) as n, (array_agg(c.id order by c.id desc))[1] as last, bool_and(c.created_at >= v_young) as is_young,
         array_agg(c.id) filter (where c.goes) as ids,
         (select count(*) from seen) = p_limit or count(*) < (select count(*) from seen) as more
    into v_seen
    from counted c
   where c.steps <= c_steps or c.no = 1;

  v_seen.ids := _not_set_aside(v_seen.ids::text[])::uuid[];
  v_needed := _needed_missions(v_seen.ids);
  v_free := array(select i.id from unnest(v_seen.ids) i (id) where i.id <> all (v_needed));
  if p_how <> 'count' and v_free <> '{}' then
    v_free := array(select m.id from ops_missions m
                     where m.id = any (v_free) and m.status in ('succeeded', 'failed', 'cancelled')
                       and m.completed_at < case when m.status = 'failed' then v_failed else v_missions end
                     order by m.id
                       for update skip locked);
    -- A step that is locked, or has not ended (as one that was asked to stop), keeps its mission.
    v_free := array(
      with step as materialized (
        select s.id from ops_mission_steps s
         where s.mission_id = any (v_free) and s.status not in ('blocked', 'queued', 'running', 'waiting')
         order by least(s.id)
           for update skip locked
      )
      select f.id from unnest(v_free) f (id)
       where f.id not in (select s.mission_id from ops_mission_steps s
                           where s.mission_id = any (v_free) and s.id not in (select n.id from step n)));
    if v_free <> '{}' then
      return query select * from _purge_missions(v_free, p_how, p_batch, (p_cuts ->> 'keys_until')::timestamptz);
    end if;
  end if;
  return query select null::text, jsonb_build_object(
    'next', case when v_seen.more and not v_seen.is_young then v_seen.last end,
    'purged', cardinality(v_free),
    'locked', coalesce(cardinality(v_seen.ids), 0) - cardinality(v_needed) - cardinality(v_free),
    'needed', cardinality(v_needed));
end;
$$;
