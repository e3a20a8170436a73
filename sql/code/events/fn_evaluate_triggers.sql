create or replace function fn_evaluate_triggers(p_batch_size integer default 50)
returns table (events integer, queued integer)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Compares up to p_batch_size waiting events with the reaction matrix, each exactly once, whether or not a pattern
-- matches. A reaction whose template cannot be filled is stored as failed, with the path that has no value. When the
-- batch fails on data, event and pattern are compared one by one; a pair on which that fails is a failed reaction, and
-- an event that cannot be marked as processed is set aside. Events that steps wait for are kept for these. Events that
-- would bring too much into reactions for one call go to the end of the queue.
-- Locks: the events taken, by their rows in ops_ready (SKIP LOCKED); cooldowns by pattern name, for which it waits; the
-- announcement. Writes: ops_agent_events, ops_agent_reactions, ops_pattern_cooldowns, ops_ready, marks;
-- ops_awaited_events, ops_lanes, ops_late_enqueuers and ops_strays, seldom. Raises: OP018 for a batch of less than one.
declare
  v_patterns jsonb := coalesce(nullif(_policy('reaction_matrix') -> 'patterns', 'null'), '[]');
  v_ids uuid[];
  v_later uuid[];
  v_now timestamptz := _now();
  v_id uuid;
begin
  if p_batch_size < 1 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_batch_size is %s', p_batch_size),
      hint = 'Give at least 1; the default is 50.';
  end if;
  -- Where every pattern reacts to every event, one call stores ten thousand reactions.
  v_ids := _take_ready(_lane_of('events'),
                       least(coalesce(p_batch_size, 50),
                             greatest(50, 10000 / greatest(jsonb_array_length(v_patterns), 1))),
                       (_lane_fronts(array[_lane_of('events')]))[1]);
  v_later := _too_many_events(v_ids, v_patterns);
  if v_later is not null then
    perform _adopt_each('events', v_later);
    v_ids := array(select n.id from unnest(v_ids) with ordinality n (id, nth)
                    where n.id <> all (v_later) order by n.nth);
  end if;
  events := cardinality(v_ids);
  queued := 0;
  if events = 0 then
    return next;
    return;
  end if;

  begin
    queued := _match_events(v_ids, v_patterns);
    update ops_agent_events set processed_at = v_now where id = any (v_ids) and processed_at is null;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    queued := 0;
    foreach v_id in array v_ids loop
      queued := queued + _match_alone(v_id, v_patterns);
    end loop;
  end;
  perform _note_awaited(v_ids);
  return next;
end;
$$;
comment on function fn_evaluate_triggers(integer) is
  'Compares up to p_batch_size (default 50) waiting events with the reaction matrix; returns how many events were '
  'compared and how many reactions were queued. Two calls at once never compare the same event. OPS_018 for a batch '
  'of less than one.';
