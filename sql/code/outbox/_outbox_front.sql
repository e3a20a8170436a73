create or replace function _outbox_front(out oldest timestamptz, out aggregate text, out undeliverable bigint,
                                         out reasons text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The front of the outbox: the oldest message and its aggregate, and how many messages relays leave there,
-- with the reasons by type of event: no route, a route whose command cannot be run, a pause. Bounded: among the first
-- 1,000 hints of the queue, and the 1,000 aggregates that are looked at next and latest.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb := _policy('outbox');
  v_worker_policy jsonb := _policy('worker_policy');
begin
  with front as materialized (
    select _outbox_event_id(r.id) as id
      from ops_lanes l
     cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start, 'ops_ready'::regclass) as mark) m
     cross join lateral (select q.id from ops_ready q where q.lane = l.lane and q.seq > m.mark
                          order by q.seq limit 1000) r
     where l.lane = _lane_of('outbox')
    union
    select u.id
      from ((select t.event_ids from outbox_timers t order by t.due_at, t.id limit 1000)
            union all
            (select t.event_ids from outbox_timers t order by t.due_at desc, t.id desc limit 1000)) t
     cross join lateral unnest(t.event_ids) u (id)
  ), waiting as materialized (
    select o.id, o.event_type, o.created_at, format('%s %s', o.aggregate_type, o.aggregate_id) as aggregate
      from front f
     -- Plans 1
     cross join lateral (select e.* from outbox e where e.id = f.id limit 1) o
     where o.processed_at is null
  ), held as (
    select k.event_type, k.n,
           coalesce(_outbox_hold(k.event_type, v_policy),
                    _outbox_settings(_outbox_route(k.event_type, v_policy), v_policy, v_worker_policy) ->> 'fault')
             as reason
      from (select w.event_type, count(*) as n from waiting w group by w.event_type) k
  )
  select (select w.created_at from waiting w order by w.created_at, w.id limit 1),
         (select w.aggregate from waiting w order by w.created_at, w.id limit 1),
         (select coalesce(sum(h.n), 0) from held h where h.reason is not null),
         (select string_agg(format('%s × %s', h.n, h.reason), '; ' order by h.n desc, h.event_type)
            from held h where h.reason is not null)
    into oldest, aggregate, undeliverable, reasons;
end;
$$;
