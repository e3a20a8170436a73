create or replace function _reset_queue()
returns void
language plpgsql
set search_path from current
as $$
-- After a restore: an empty queue, whose numbers go on above all that were ever given, with all lanes and no marks. The
-- caller has locked ops_ready and puts everything that is ready into it again.
-- Locks: ops_lanes. Writes: ops_ready, ops_timers, ops_late_enqueuers, ops_lanes, ops_sweep, sequences. Raises:
-- nothing.
begin
  perform setval('ops_ready_seq', greatest(
            _last_ready_number(), 1, (select max(r.seq) from ops_ready r),
            (select max(s.ready_seq) from ops_mission_steps s), (select max(e.ready_seq) from ops_agent_events e),
            (select max(a.ready_seq) from ops_agent_reactions a), (select max(o.ready_seq) from outbox o)));
  delete from ops_ready;
  delete from ops_timers;
  delete from ops_late_enqueuers;
  -- Lanes without the sequence of their mark are made anew.
  delete from ops_lanes l where not exists (select from pg_class c where c.oid = l.mark);
  for v_lane in 1..3 loop
    if not exists (select from ops_lanes l where l.lane = v_lane) then
      execute format('create sequence if not exists %I minvalue 0 owned by ops_lanes.lane',
                     'ops_lane_mark_' || v_lane::text);
      insert into ops_lanes (lane, queue, mark)
      values (v_lane, (array['events', 'reactions', 'outbox'])[v_lane], ('ops_lane_mark_' || v_lane::text)::regclass);
    end if;
  end loop;
  perform setval('ops_lane_seq', greatest(
            pg_sequence_last_value('ops_lane_seq'), 10,
            (select max(substring(c.relname from '^ops_lane_mark_([0-9]+)$')::bigint)
               from pg_class c
              where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'S')));
  update ops_lanes set mark_table = null, mark_server_start = null;
  insert into ops_sweep (name)
  values ('steps'), ('missions'), ('events'), ('reactions'), ('outbox')
  on conflict do nothing;
  update ops_sweep set position = null, seen = 0, swept_at = null;
end;
$$;
