create or replace function _look_back()
returns void
language plpgsql
set search_path from current
set jit = off
as $$
-- For steps that have just begun to listen for events of the loop: transactions that were open then did not see that
-- somebody listens, and did not store, or not look at, what they made. Until they have ended, a minute at most, what
-- they made is looked for here, and comes before what is looked at later. A success that was not stored counts by the
-- time of its report.
-- Locks: rows of ops_event_waits, SKIP LOCKED. Writes: ops_event_waits, and what the end of a wait writes. Raises:
-- errors not caused by the data.
declare
  c_part constant integer := 1000;
  v_now constant timestamptz := _now();
  v_since constant timestamptz := (select min(w.since) from ops_event_waits w
                                    where w.event_id is null and w.look_back_until is not null);
  v_types text[];
  v_event record;
  v_given record;
begin
  if v_since is null then
    return;
  end if;
  v_types := array(select distinct _like_pattern(w.type) from ops_event_waits w
                    where w.event_id is null and w.look_back_until is not null);
  for v_event in
    with success as materialized (
      select s.id, s.type, s.data, s.mission_id, s.created_at from ops_step_successes s where s.created_at >= v_since
    )
    select e.id, e.type, e.data, e.created_at, e.emitted_in
      from (select s.id, s.type, s.data, s.created_at, null::xid8 as emitted_in from success s
             union all
            select m.id, 'mission:succeeded', m.data, m.created_at, null
              from (select distinct s.mission_id from success s) d
             cross join lateral (select t.* from ops_mission_successes t where t.mission_id = d.mission_id offset 0) m
             where m.created_at >= v_since
             union all
            select e.id, e.type, e.data, e.created_at, e.emitted_in
              from ops_agent_events e
             where e.created_at >= v_since - interval '1 minute' and e.processed_at is not null) e
     where e.type like any (v_types)
     order by e.created_at, e.id
  loop
    loop
      v_given := _give_event(v_event.id, v_event.type, v_event.data, v_event.emitted_in, v_event.created_at,
                             c_part);
      exit when v_given.step_ids = '{}';
      perform _recover_each('due', v_given.step_ids);
      exit when not v_given.more;
    end loop;
  end loop;
  update ops_event_waits w
     set look_back_until = case when w.look_back_until = '0' then pg_snapshot_xmax(pg_current_snapshot()) end
   where w.step_id = any (array(
     select l.step_id from ops_event_waits l
      where l.event_id is null and l.look_back_until is not null
        and (l.look_back_until = '0' or l.look_back_until <= pg_snapshot_xmin(pg_current_snapshot())
             or l.since < v_now - interval '1 minute')
        for update skip locked));
end;
$$;
