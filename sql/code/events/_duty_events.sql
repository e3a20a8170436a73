create or replace function _duty_events()
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For the heartbeat, every turn: the next part of the rolling scans of events and reactions. Events that were inserted
-- or set back by hand, and reactions that were set to queued, are put into the queue; one that cannot be is set aside.
-- Locks: the turns of the sweeps; what it adopts, SKIP LOCKED. Writes: ops_sweep, ops_ready, ops_agent_events,
-- ops_agent_reactions, ops_strays. Raises: errors not caused by the data.
declare
  c_part constant integer := 20000;
  v_now timestamptz := _now();
  v_from uuid;
  v_part record;
begin
  v_from := _begin_sweep('events', v_now);
  if v_from is not null then
    select (array_agg(p.id))[c_part] as last, count(*) as seen,
           array_agg(p.id) filter (where p.processed_at is null
                                     and not exists (select from ops_ready r
                                                      where r.lane = _lane_of('events')
                                                        and r.seq = p.ready_seq)) as stray
      into v_part
      from (select e.id, e.processed_at, e.ready_seq from ops_agent_events e
             where e.id > v_from order by e.id limit c_part) p;
    perform _end_sweep('events', v_now, v_part.seen, v_part.last, v_part.stray is not null);
    perform _adopt_each('events', _not_aside(v_part.stray));
  end if;

  v_from := _begin_sweep('reactions', v_now);
  if v_from is not null then
    select (array_agg(p.id))[c_part] as last, count(*) as seen,
           array_agg(p.id) filter (where p.status in ('queued', 'processing')
                                     and not exists (select from ops_ready r
                                                      where r.lane = _lane_of('reactions')
                                                        and r.seq = p.ready_seq)) as stray
      into v_part
      from (select a.id, a.status, a.ready_seq from ops_agent_reactions a
             where a.id > v_from order by a.id limit c_part) p;
    perform _end_sweep('reactions', v_now, v_part.seen, v_part.last, v_part.stray is not null);
    perform _adopt_each('reactions', _not_aside(v_part.stray));
  end if;
end;
$$;
