create or replace function fn_evaluate_triggers(p_batch_size integer default 50)
returns table (events integer, queued integer)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
-- Holds up to p_batch_size waiting events against the reaction matrix, each exactly once, whether or not a pattern
-- matches. A reaction whose template cannot be filled is stored as failed, with the path that has no value.
-- Locks: the events taken (SKIP LOCKED), cooldowns by pattern name. Writes: ops_agent_events, ops_agent_reactions,
-- ops_pattern_cooldowns, ops_ready. Raises: OP018 for a batch of less than one.
declare
  v_matrix jsonb := _policy('reaction_matrix');
  v_ids uuid[];
  v_now timestamptz := _now();
  v_patterns text[];
  v_minutes numeric[];
  v_passed text[] := '{}';
  v_new uuid[];
begin
  if p_batch_size < 1 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_batch_size is %s', p_batch_size),
      hint = 'Give at least 1; the default is 50.';
  end if;
  v_ids := _take_ready(1, coalesce(p_batch_size, 50));
  events := cardinality(v_ids);
  queued := 0;
  if events = 0 then
    return next;
    return;
  end if;

  if jsonb_path_exists(v_matrix, '$.patterns[*].cooldown_minutes ? (@ > 0)') then
    select array_agg(c.name order by c.name), array_agg(c.minutes order by c.name)
      into v_patterns, v_minutes
      from (select distinct m.pattern ->> 'name' as name, (m.pattern ->> 'cooldown_minutes')::numeric as minutes
              from _matching_patterns(v_ids, v_matrix) m
             where (m.pattern ->> 'cooldown_minutes')::numeric > 0) c;
  end if;
  if v_patterns is not null then
    v_passed := _pass_cooldowns(v_patterns, v_minutes);
  end if;

  with matching as (
    select m.*, row_number() over (partition by m.pattern_no order by m.ord) as nth
      from _matching_patterns(v_ids, v_matrix) m
  ), reacting as (
    select m.*, f.payload, f.fault
      from matching m
     cross join lateral _fill_reaction(m.pattern, m.event) f
     where coalesce((m.pattern ->> 'cooldown_minutes')::numeric, 0) = 0
        or (m.nth = 1 and m.pattern ->> 'name' = any (v_passed))
  ), stored as (
    insert into ops_agent_reactions (id, event_id, pattern, status, payload, reason, created_at, updated_at)
    select _uuid_v7(), r.event_id, r.pattern ->> 'name', case when r.fault is null then 'queued' else 'failed' end,
           r.payload, 'OPS_004: ' || r.fault, v_now, v_now
      from reacting r
     order by r.ord, r.pattern_no
    on conflict do nothing
    returning id, status
  )
  select coalesce(array_agg(s.id), '{}') into v_new from stored s where s.status = 'queued';
  queued := cardinality(v_new);
  insert into ops_ready (lane, id) select 2, id from unnest(v_new) id;

  update ops_agent_events set processed_at = v_now where id = any (v_ids) and processed_at is null;
  return next;
end;
$$;
comment on function fn_evaluate_triggers(integer) is
  'Holds up to p_batch_size (default 50) waiting events against the reaction matrix; returns how many events were looked at and how many reactions were queued. Two at once never look at the same event. OPS_018 for a batch of less than one.';
