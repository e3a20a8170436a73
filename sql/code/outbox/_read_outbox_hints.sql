create or replace function _read_outbox_hints(
  p_front bigint,
  p_limit integer,
  p_passed text[],
  p_seen pg_snapshot,
  out seqs bigint[],
  out aggregates integer[],
  out stale bigint[],
  out types text[],
  out ids text[],
  out lowest bigint[],
  out hands_off text[]
)
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Up to p_limit hints (rows of ops_ready) from p_front on, and the aggregates that they name: types and ids, in the
-- order of their first hints, and of each the lowest message that is hinted at. seqs: the hints, null when there are
-- none; aggregates: of each hint the index of its aggregate in types and ids. stale: hints of messages that no longer
-- wait. A message that was committed after p_seen (_published_since) keeps its hint, which belongs to none of the
-- aggregates.
--
-- hands_off, by "type id": aggregates that this claim must leave alone, and which are not in types and ids. Another
-- transaction is just dropping a hint of theirs, and may roll back; or this claim has passed an earlier hint
-- (p_passed).
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  -- The xmax of a row says whether an open transaction is deleting it: it is in the snapshot, or younger than that.
  v_open xid[] := array(select x::xid from pg_snapshot_xip(pg_current_snapshot()) x);
  v_unseen integer := age(pg_snapshot_xmax(pg_current_snapshot())::xid);
begin
  -- (processed_at is no condition of the join: the planner would use the wrong index.)
  with hints as materialized (
    select l.seq, l.event_id, l.taken, o.gone, o.aggregate_type, o.aggregate_id,
           o.aggregate_type || ' ' || o.aggregate_id as key
      from (select r.seq, _outbox_event_id(r.id) as event_id,
                   age(r.xmax) <= v_unseen or r.xmax = any (v_open) as taken
              from ops_ready r
             where r.lane = _lane_of('outbox') and r.seq >= p_front
             order by r.seq
             limit p_limit) l
      left join lateral (
        select e.processed_at is not null as gone, e.aggregate_id,
               case when e.processed_at is null and not _published_since(e.published_in, p_seen)
                    then e.aggregate_type end as aggregate_type
          from outbox e where e.id = l.event_id) o on true
  ), judged as (
    select h.*, min(h.seq) over aggregate as first, min(h.event_id) over aggregate as lowest,
           case when h.key is not null then bool_or(h.taken or h.key = any (p_passed)) over aggregate end as hands_off
      from hints h
    window aggregate as (partition by h.aggregate_type, h.aggregate_id)
  ), indexed as (
    -- Those that may be claimed come first: false before true, and true before null.
    select j.*,
           case when not j.hands_off then (dense_rank() over (order by j.hands_off, j.first))::integer end as aggregate
      from judged j
  )
  select array_agg(i.seq order by i.seq), array_agg(i.aggregate order by i.seq),
         array_agg(i.seq) filter (where i.gone is not false and not i.taken),
         array_agg(i.aggregate_type order by i.aggregate) filter (where i.aggregate is not null and i.seq = i.first),
         array_agg(i.aggregate_id order by i.aggregate) filter (where i.aggregate is not null and i.seq = i.first),
         array_agg(i.lowest order by i.aggregate) filter (where i.aggregate is not null and i.seq = i.first),
         coalesce(array_agg(i.key) filter (where i.hands_off and i.seq = i.first), '{}')
    into seqs, aggregates, stale, types, ids, lowest, hands_off
    from indexed i;
end;
$$;
