create or replace function _emit_events(
  p_types text[],
  p_data jsonb[],
  p_dedupe_keys text[],
  p_mission_ids uuid[],
  p_login text
)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Stores a batch of events and puts them into the lane of events; returns their ids in the order given. An event of a
-- mission is one deeper than the event that started the mission. A dedupe key that exists gives the id of the first
-- event, also when two sessions race: keys are inserted in order, so that the sessions wait for each other and never
-- deadlock; and also when that event was purged (_spent_keys). p_login: the login whose events they are; null for the
-- loop itself.
-- Locks: the unique index of dedupe_key, for which it waits; the announcement. Writes: ops_agent_events, ops_ready.
-- Raises: what _spent_keys raises.
declare
  v_now timestamptz := _now();
  v_run record;
  v_ids uuid[];
  v_new integer;
  v_spent jsonb;
begin
  select * into v_run from _uuid_v7_start();
  v_ids := array(select _nth_uuid_v7(v_run.start, v_run.tail, n) from generate_series(1, cardinality(p_types)) n);

  perform _announce();
  with given as (
    select *, nextval('ops_ready_seq') as seq
      from unnest(v_ids, p_types, p_data, p_dedupe_keys, p_mission_ids)
           with ordinality e (id, type, data, dedupe_key, mission_id, ord)
  ), stored as (
    insert into ops_agent_events (id, dedupe_key, type, data, mission_id, depth, emitted_login, ready_seq,
                                  created_at)
    select g.id, g.dedupe_key, g.type, g.data, g.mission_id, coalesce(m.depth + 1, 0), p_login, g.seq, v_now
      from given g
      -- Plans 1
      left join lateral (select t.depth from ops_missions t where t.id = g.mission_id limit 1) m on true
     order by g.dedupe_key nulls first, g.ord
    on conflict do nothing
    returning id, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select _lane_of('events'), s.ready_seq, s.id from stored s;
  get diagnostics v_new = row_count;
  v_spent := _spent_keys('event', p_dedupe_keys);
  if v_spent is not null then
    -- After the insert, which waits for a purge of the same key.
    with undone as (
      delete from ops_agent_events e where e.id = any (v_ids) and v_spent ? e.dedupe_key returning e.ready_seq
    ), left_queue as (
      delete from ops_ready r using undone u where r.lane = _lane_of('events') and r.seq = u.ready_seq
    )
    select v_new - count(*) into v_new from undone u;
  end if;
  perform _wake_sleepers();

  if v_new <> cardinality(v_ids) then
    select array_agg(coalesce(e.id, (v_spent -> n.dedupe_key ->> 'id')::uuid, n.id) order by n.ord) into v_ids
      from unnest(v_ids, p_dedupe_keys) with ordinality n (id, dedupe_key, ord)
      left join lateral (select t.id from ops_agent_events t where t.dedupe_key = n.dedupe_key limit 1) e on true;
  end if;
  return v_ids;
end;
$$;
