create or replace function _emit_loop_events(
  p_types text[],
  p_data jsonb[],
  p_mission_ids uuid[],
  p_depths integer[],
  p_login text default null
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Stores events that the loop makes itself (step:*, mission:*, proposal:pending and dead_letter:redriven) in the
-- caller's transaction. p_depths: causation depth of the missions. p_login: the login whose decision they tell of. An
-- event whose type no pattern watches, and no step waits for, is stored as processed.
-- Locks: the announcement, where the matrix has a pattern. Writes: ops_agent_events, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_watched text[] := _watched_types(_policy('reaction_matrix')) || _awaited_types();
begin
  if v_watched <> '{}' then
    perform _announce();
    perform _wake_sleepers();
  end if;
  with stored as (
    insert into ops_agent_events (id, type, data, mission_id, depth, emitted_login, ready_seq, processed_at, created_at)
    select _uuid_v7(), e.type, e.data, e.mission_id, e.depth + 1, p_login,
           case when e.type like any (v_watched) then nextval('ops_ready_seq') end,
           case when not e.type like any (v_watched) then v_now end, v_now
      from unnest(p_types, p_data, p_mission_ids, p_depths) e (type, data, mission_id, depth)
    returning id, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select _lane_of('events'), s.ready_seq, s.id from stored s where s.ready_seq is not null;
end;
$$;
