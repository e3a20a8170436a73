create or replace function fn_list_spans(p_step_ids uuid[])
returns table (
  trace_id text,
  span_id text,
  parent_id text,
  sampled boolean,
  name text,
  started_at timestamptz,
  ended_at timestamptz,
  error text,
  attributes jsonb
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For workers that send traces: spans of what has ended of these steps, and where their mission has ended, too, those
-- of the mission, its proposal and the event behind it. Asked twice, the same spans have the same ids.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with step as materialized (
    select s.* from ops_mission_steps s where s.id = any (p_step_ids)
  ), mission as materialized (
    select m.*, t.trace_id, t.outer_span, t.sampled
      from ops_missions m
     cross join lateral _trace_of(m.id) t
     where m.id in (select s.mission_id from step s)
  ), proposal as materialized (
    select p.*, m.id as mission_id, m.trace_id, m.outer_span, m.sampled, m.parent_step_id, m.created_at as begun_at
      from mission m
      join ops_mission_proposals p on p.id = m.proposal_id
     where m.completed_at is not null
  )
  select m.trace_id, _span_id('step', s.id::text), _span_id('mission', m.id::text), m.sampled,
         'step ' || coalesce(s.key, s.kind), coalesce(r.started_at, s.created_at), r.completed_at,
         case when s.status <> 'succeeded' then coalesce(s.last_error, s.status) end,
         jsonb_build_object('opsloop.step_id', s.id, 'opsloop.kind', s.kind, 'opsloop.executor', s.executor,
                            'opsloop.status', s.status)
    from step s
    join mission m on m.id = s.mission_id
   cross join lateral (select min(a.started_at) as started_at, max(a.completed_at) as completed_at
                         from ops_action_runs a where a.step_id = s.id and a.status <> 'fenced') r
   where s.status in ('succeeded', 'failed', 'cancelled', 'skipped') and r.completed_at is not null
  union all
  select m.trace_id, _span_id('mission', m.id::text), _span_id('proposal', m.proposal_id::text), m.sampled,
         'mission ' || coalesce(m.title, ''), m.created_at, m.completed_at,
         case when m.status <> 'succeeded' then m.status end,
         jsonb_build_object('opsloop.mission_id', m.id, 'opsloop.status', m.status)
    from mission m
   where m.completed_at is not null
  union all
  select p.trace_id, _span_id('proposal', p.id::text),
         coalesce(_span_id('event', p.event_id::text), _span_id('step', p.parent_step_id::text)), p.sampled,
         'proposal ' || coalesce(p.title, ''), p.created_at, p.begun_at, null,
         jsonb_build_object('opsloop.proposal_id', p.id, 'opsloop.source', p.source, 'opsloop.status', p.status)
    from proposal p
  union all
  select p.trace_id, _span_id('event', e.id::text), coalesce(_span_id('mission', e.mission_id::text), p.outer_span),
         p.sampled, 'event ' || e.type, e.created_at, greatest(e.processed_at, e.created_at), null,
         jsonb_build_object('opsloop.event_id', e.id, 'opsloop.event_type', e.type)
    from proposal p
   cross join lateral _event(p.event_id) e;
end;
$$;
comment on function fn_list_spans(uuid[]) is
  'The spans of a trace for these steps, as far as ended, and with an ended mission those of mission, proposal and '
  'event: ids, parent, name, times, error, attributes. For workers that send traces; asked twice, the ids are the '
  'same.';
