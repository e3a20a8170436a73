create or replace function fn_trace_context(p_step_ids uuid[], p_event_ids bigint[] default '{}')
returns table (id text, trace_id text, parent_id text, sampled boolean)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For workers and relays that send traces: the trace of these steps and of these messages of the outbox, and the span
-- that work on them belongs to. A message of which no step is known, as it was not published by one that was traced, is
-- a trace by itself. Nothing of this is stored: it follows from what is there.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with wanted as (
    select s.id::text as name, s.id as step_id from unnest(p_step_ids) s (id)
    union all
    select o.id::text, o.step_id
      from unnest(p_event_ids) e (id) join outbox o on o.id = e.id
  ), found as (
    select w.name, s.id as step_id, s.mission_id, w.step_id is null as alone
      from wanted w
      left join ops_mission_steps s on s.id = w.step_id
  )
  select f.name, coalesce(t.trace_id, (select replace(o.message_id::text, '-', '') from outbox o
                                        where o.id = case when f.name !~ '-' then f.name::bigint end)),
         _span_id('step', f.step_id::text), coalesce(t.sampled, true)
    from found f
    left join lateral _trace_of(f.mission_id) t on f.mission_id is not null
   where f.mission_id is not null or f.name !~ '-';
end;
$$;
comment on function fn_trace_context(uuid[], bigint[]) is
  'The trace (32 hexadecimal digits, as W3C Trace Context has it) of steps and of messages of the outbox by their ids, '
  'the span that work on them belongs to, and whether it is sampled. Nothing of it is stored: docs/metrics.md, Traces.';
