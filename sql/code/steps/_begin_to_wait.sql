create or replace function _begin_to_wait(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Parks steps of kind wait, whose turn has come. A wait that is impossible is found when the step is looked at again,
-- which is at once, as is an event that came before its turn. The caller holds their missions.
-- Locks: ops_parked_steps, and what _listen locks. Writes: ops_mission_steps, ops_parked_steps, ops_event_waits,
-- ops_timers. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_terms record;
begin
  select array_agg(w.id) filter (where w.type is null) as timed,
         array_agg(w.until) filter (where w.type is null) as untils,
         array_agg(w.id) filter (where w.type is not null) as listening,
         array_agg(w.type) filter (where w.type is not null) as types,
         array_agg(w.until) filter (where w.type is not null) as timeouts
    into v_terms
    from (select s.id, t.type,
                 case when t.fault is not null or l.event_id is not null then v_now else t.until end as until
            from unnest(p_step_ids) s (id)
           cross join lateral _wait_terms(s.id, v_now) t
            left join ops_event_waits l on l.step_id = s.id) w;
  if v_terms.timed is not null then
    perform _park_until(v_terms.timed, 'wait', null, v_terms.untils);
  end if;
  if v_terms.listening is not null then
    perform _listen(v_terms.listening);
    perform _park_until(v_terms.listening, 'wait', v_terms.types, v_terms.timeouts);
  end if;
end;
$$;
