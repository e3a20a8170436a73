create or replace function fn_find_id(p_id text, p_what text default null)
returns table (what text, id text, title text, status text, created_at timestamptz)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The objects that have this id, newest first; no row where there is none. p_id: a whole id, or the last 8 digits or
-- more of one, as the command line shows ids. Such digits are looked for among open rows and the newest 100,000 rows of
-- each table; events that ops_events derives are found by their whole id only. p_what: only these, several joined by |.
-- Locks: none. Writes: nothing. Raises: OP018 for an id that cannot be one, and for a p_what that there is not.
declare
  c_kinds constant text[] := array['mission', 'step', 'proposal', 'reaction', 'event', 'letter', 'message', 'directive',
                                   'grant', 'worker'];
  c_most constant integer := 100000;
  v_id constant text := btrim(p_id);
  v_digits constant text := lower(replace(v_id, '-', ''));
  v_kinds constant text[] := coalesce(string_to_array(p_what, '|'), c_kinds);
  v_tail bytea;
  v_ids uuid[];
  v_whole uuid;
begin
  if v_id is null or length(v_id) not between 1 and 500 or not v_kinds <@ c_kinds then
    raise exception using errcode = 'OP018',
      message = case when v_kinds <@ c_kinds then 'OPS_018: p_id must be an id, or the last 8 digits of one'
                     else format('OPS_018: p_what must be of %s', array_to_string(c_kinds, ', ')) end,
      detail = jsonb_build_object('p_id', left(v_id, 100), 'p_what', left(p_what, 100))::text,
      hint = 'opsloop ps shows ids by their last 8 digits.';
  end if;
  if v_digits ~ '^[0-9a-f]{32}$' then
    v_whole := v_digits::uuid;
    v_ids := array[v_whole];
  elsif v_digits ~ '^[0-9a-f]{8,31}$' then
    v_tail := decode(right(v_digits, 8), 'hex');
    -- An id twice does no harm below.
    v_ids := array(
      select n.id
        from ((select i.id from ops_missions i where 'mission' = any (v_kinds) order by i.id desc limit c_most)
              union all
              (select i.id from ops_mission_steps i where 'step' = any (v_kinds) order by i.id desc limit c_most)
              union all
              (select i.step_id from ops_parked_steps i where 'step' = any (v_kinds) limit c_most)
              union all
              (select s.mission_id
                 from (select i.step_id from ops_parked_steps i where 'mission' = any (v_kinds) limit 10000) w
                cross join lateral (select t.mission_id from ops_mission_steps t where t.id = w.step_id limit 1) s)
              union all
              (select i.id from ops_mission_proposals i
                where 'proposal' = any (v_kinds) order by i.id desc limit c_most)
              union all
              (select i.id from ops_mission_proposals i
                where 'proposal' = any (v_kinds) and i.status in ('pending', 'voting') limit c_most)
              union all
              (select i.id from ops_agent_reactions i where 'reaction' = any (v_kinds) order by i.id desc limit c_most)
              union all
              (select i.id from ops_grants i where 'grant' = any (v_kinds) limit c_most)
              union all
              (select i.id from ops_agent_events i where 'event' = any (v_kinds) order by i.id desc limit c_most)) n
       where substring(uuid_send(n.id) from 13) = v_tail and replace(n.id::text, '-', '') like '%' || v_digits);
  end if;

  return query
  select f.what, f.id, f.title, f.status, f.created_at
    from (select 'mission' as what, m.id::text, m.title, m.status, m.created_at from ops_missions m
           where m.id = any (v_ids) and 'mission' = any (v_kinds)
          union all
          select 'step', s.id::text, format('%s (%s)', s.key, s.executor), s.status, s.created_at
            from ops_mission_steps s where s.id = any (v_ids) and 'step' = any (v_kinds)
          union all
          select 'proposal', p.id::text, p.title, p.status, p.created_at from ops_mission_proposals p
           where p.id = any (v_ids) and 'proposal' = any (v_kinds)
          union all
          select 'reaction', r.id::text, r.pattern, r.status, r.created_at from ops_agent_reactions r
           where r.id = any (v_ids) and 'reaction' = any (v_kinds)
          union all
          select 'event', e.id::text, e.type, case when e.processed_at is null then 'waiting' else 'processed' end,
                 e.created_at
            from ops_agent_events e where e.id = any (v_ids) and 'event' = any (v_kinds)
          union all
          select 'event', e.id::text, e.type, 'processed', e.created_at
            from _event(v_whole) e
           where v_whole is not null and 'event' = any (v_kinds)
             and not exists (select from ops_agent_events t where t.id = v_whole)
          union all
          select 'letter', d.dl_msg_id, d.reason, case when d.redriven_at is null then 'waiting' else 'redriven' end,
                 d.dead_lettered_at
            from dead_letter_archive d
           where 'letter' = any (v_kinds) and d.dl_msg_id = v_id
          union all
          -- The letters of a step or reaction by its last digits: where it has several, the last one.
          (select distinct on (d.original_msg_id)
                  'letter', d.dl_msg_id, d.reason, 'waiting', d.dead_lettered_at
             from (select i.* from dead_letter_archive i where i.redriven_at is null order by i.id desc limit c_most) d
            where v_tail is not null and 'letter' = any (v_kinds) and d.what in ('step', 'reaction')
              and replace(d.original_msg_id, '-', '') like '%' || v_digits
              and (p_what is not null or v_ids = '{}')
            order by d.original_msg_id, d.id desc)
          union all
          select 'message', o.id::text, format('%s %s: %s', o.aggregate_type, o.aggregate_id, o.event_type),
                 case when o.dead then 'dead' when o.processed_at is null then 'waiting' else 'delivered' end,
                 o.created_at
            from outbox o
           where 'message' = any (v_kinds)
             and o.id = case when v_id ~ '^(outbox:)?[0-9]{1,18}$' then substring(v_id from '[0-9]+')::bigint end
          union all
          select 'directive', d.id, d.title, d.status, d.created_at from strategic_directives d
           where 'directive' = any (v_kinds) and (d.id = v_id or d.sd_key = v_id)
          union all
          select 'grant', g.id::text, g.granted_by, case when g.revoked_at is null then 'granted' else 'revoked' end,
                 g.created_at
            from ops_grants g where g.id = any (v_ids) and 'grant' = any (v_kinds)
          union all
          select 'worker', w.worker_id, (select string_agg(e, ', ' order by e) from jsonb_object_keys(w.executors) e),
                 _worker_status(w.stopped_at, l.live_until, l.asleep), w.started_at
            from ops_workers w
            left join ops_workers_seen l on l.worker_id = w.worker_id
           where 'worker' = any (v_kinds) and w.worker_id = v_id) f
   order by f.created_at desc, f.id;
end;
$$;
comment on function fn_find_id(text, text) is
  'The objects that have this id (mission, step, proposal, reaction, event, letter, message, directive, grant, '
  'worker), newest first: a whole id, or the last 8 digits or more of one. Such digits are looked for among open rows '
  'and the newest 100,000 rows of each. p_what: only these, several joined by |. OPS_018 for what cannot be an id.';
