create or replace function fn_overview(p_limit integer default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- One look at the loop, for what shows it live: counts (fn_health), stuck (fn_count_stuck), executors (ready, 10,000 at
-- most, running, live workers, the oldest ready step, paused, and what ended in the last minute), and p_limit of each
-- of what waits for somebody: proposals, held steps, stuck missions, and the newest dead letters.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
declare
  v_now timestamptz := _now();
  v_stuck jsonb;
begin
  perform _check_list(p_limit);
  v_stuck := (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from _stuck_missions(_perhaps_stuck()) s);
  return jsonb_build_object(
    'at', v_now,
    'counts', (select to_jsonb(h) from fn_health() h),
    'stuck', (
      select coalesce(jsonb_agg(jsonb_build_object('reason', r.reason, 'missions', r.n) order by r.n desc, r.reason),
                      '[]')
        from (select e.key as reason, count(*) as n
                from jsonb_array_elements(v_stuck) s
               cross join lateral jsonb_each(s -> 'reasons') e
               group by e.key) r),
    'executors', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'executor', e.name, 'ready', e.ready, 'running', e.running, 'oldest', e.oldest,
               'live_workers', (select count(*) from ops_workers_seen w
                                 where w.live_until > v_now and w.executors ? e.name),
               'paused', exists (select from ops_pauses p where p.scope = 'executor' and p.target = e.name
                                                              or p.scope in ('all', 'move')),
               'succeeded', e.succeeded, 'failed', e.failed, 'p95_seconds', e.p95)
               order by e.ready desc, e.running desc, e.name), '[]')
        from (select x.name, sum(x.ready) as ready, sum(x.running) as running, min(x.oldest) as oldest,
                     sum(x.succeeded) as succeeded, sum(x.failed) as failed, max(x.p95) as p95
                from (select l.executor as name, q.n as ready, 0 as running, q.oldest, 0 as succeeded, 0 as failed,
                             null::numeric as p95
                        from ops_lanes l
                       cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start,
                                                             'ops_ready'::regclass) as mark) m
                       cross join lateral (
                         select count(*) as n, (select s.created_at from ops_mission_steps s
                                                 where s.id = (array_agg(f.id order by f.seq))[1]) as oldest
                           from (select r.id, r.seq from ops_ready r
                                  where r.lane = l.lane and r.seq > m.mark order by r.seq limit 10000) f) q
                       where l.queue = 'steps'
                      union all
                      select t.name, 0, t.running, null, t.succeeded, t.failed + t.lost, t.p95_seconds
                        from fn_stats(interval '1 minute', 'executor') t
                       where t.name is not null) x
               group by x.name) e),
    'proposals', (
      select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'title', p.title, 'risk', p.risk_level,
                                                   'source', p.source, 'since', p.created_at, 'why', p.reason)
                                order by p.created_at), '[]')
        from (select * from ops_mission_proposals o
               where o.status in ('pending', 'voting') and o.gate_after is null
               order by o.created_at limit p_limit) p),
    'held', (
      select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'mission_id', s.mission_id, 'key', s.key,
                                                   'executor', s.executor, 'since', p.since, 'why', s.wait_reason)
                                order by p.since), '[]')
        from (select * from ops_parked_steps o where o.waits_for = 'person' order by o.since limit p_limit) p
        join ops_mission_steps s on s.id = p.step_id),
    'missions', (
      select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'title', m.title, 'since', m.created_at,
                                                   'why', s.value ->> 'stuck') order by m.id), '[]')
        from (select e.value from jsonb_array_elements(v_stuck) e
               order by e.value ->> 'since', e.value ->> 'mission_id' limit p_limit) s
        join ops_missions m on m.id = (s.value ->> 'mission_id')::uuid),
    'errors', (
      select coalesce(jsonb_agg(jsonb_build_object('id', d.original_msg_id, 'letter', d.dl_msg_id, 'what', d.what,
                                                   'since', d.dead_lettered_at, 'why', d.reason)
                                order by d.id desc), '[]')
        from (select * from dead_letter_archive o where o.redriven_at is null order by o.id desc limit p_limit) d));
end;
$$;
comment on function fn_overview(integer) is
  'One look at the loop for what shows it live: counts, what missions are stuck for, executors with ready, running, '
  'live workers and what ended in the last minute, and up to p_limit (1 to 1000) each of the proposals, held steps and '
  'stuck missions that wait, and the newest dead letters. OPS_018 for a limit that cannot be.';
