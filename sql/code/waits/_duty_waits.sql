create or replace function _duty_waits()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every turn: gives events to the steps that wait for them, in the order in which the events were
-- looked at, 10,000 steps a turn. One heartbeat at a time does this.
-- Locks: an advisory lock, never waiting; rows of ops_event_waits, SKIP LOCKED; those of what it calls. Writes:
-- ops_awaited_events, ops_event_waits, and what the end of a wait writes. Raises: errors not caused by the data.
declare
  c_part constant integer := 1000;
  v_left integer := 10000;
  v_event record;
  v_given record;
begin
  if not exists (select from ops_awaited_events)
     and not exists (select from ops_event_waits w where w.event_id is null and w.look_back_until is not null)
     or not pg_try_advisory_xact_lock('ops_event_waits'::regclass::oid::integer, 1) then
    return;
  end if;
  perform _look_back();
  for v_event in
    select a.seq, a.keep_until, e.id, e.type, e.data, e.emitted_in, e.created_at
      from ops_awaited_events a
      left join lateral (select t.* from ops_agent_events t where t.id = a.event_id limit 1) e on true
     order by a.seq
  loop
    loop
      v_given := _give_event(v_event.id, v_event.type, v_event.data, v_event.emitted_in, v_event.created_at,
                             least(c_part, v_left));
      exit when v_given.step_ids = '{}';
      v_left := v_left - cardinality(v_given.step_ids);
      perform _recover_each('due', v_given.step_ids);
      exit when v_left <= 0 or not v_given.more;
    end loop;
    exit when v_left <= 0;
    -- Where a row was locked, it is tried again: the step may be there after all.
    if not v_given.more
       and (v_event.keep_until is null or pg_snapshot_xmin(pg_current_snapshot()) >= v_event.keep_until) then
      delete from ops_awaited_events a where a.seq = v_event.seq;
    end if;
  end loop;
end;
$$;
