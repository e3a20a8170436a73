create or replace function fn_complete_steps(p_completions jsonb)
returns table (step_id uuid, outcome text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Accepts results of steps, a batch at a time: step, attempt, events, outbox messages, the steps that they unblock and
-- the missions that they finish commit together. A stale token, or a lease that the kill switch made void, changes
-- nothing (OPS_006); the report is kept as evidence. The same completion sent twice is accepted once and answered
-- alike. A step whose report brings something too large fails for good (OPS_045). When a batch fails on data, its
-- reports are taken one by one: a bad one is answered with the code of its error and changes nothing, its lease
-- included. A batch of one raises.
-- Locks: the barrier of reports; missions in id order; under them the steps, then the steps they unblock. A session
-- that has locked a running step waits for nothing but its mission, so the steps need no statement of their own.
-- Writes: ops_mission_steps, ops_missions, ops_action_runs, ops_agent_events, ops_ready, outbox. Raises: OP018, OP041,
-- OP045 for a batch that is too large.
declare
  v_ids uuid[];
  v_tokens uuid[];
  v_results jsonb[];
  v_usages jsonb[];
  v_extras boolean;
  v_epoch integer;
  v_missions uuid[];
  v_running uuid[];
  v_accepted uuid[];
  v_outcomes text[];
  v_plain boolean;
  v_large jsonb := '[]';
  v_report jsonb;
begin
  perform _check_reports(p_completions, 'p_completions');
  perform _pass_barrier('reports');
  v_plain := _are_plain_reports(p_completions);
  if not v_plain then
    v_large := _large_reports(p_completions);
  end if;
  if v_large <> '[]' then
    -- All missions of the batch first: the two halves would lock them in two rounds.
    perform _lock_missions_of(array_agg((c ->> 'step_id')::uuid)) from jsonb_array_elements(p_completions) c;
    return query
    select f.step_id, case f.outcome when 'OPS_006' then 'OPS_006' else 'OPS_045' end from fn_fail_steps(v_large) f;
    p_completions := (
      select coalesce(jsonb_agg(c.report order by c.ord), '[]')
        from jsonb_array_elements(p_completions) with ordinality c (report, ord)
       where not exists (select from jsonb_array_elements(v_large) l
                          where l -> 'step_id' = c.report -> 'step_id'
                            and l -> 'lease_token' = c.report -> 'lease_token'));
  end if;
  if not v_plain then
    perform _check_batch('p_completions', p_completions);
  end if;
  begin
    if not v_plain then
      perform _assert_readable('p_completions', p_completions);
    end if;
    select array_agg(c.step_id), array_agg(c.lease_token), array_agg(c.result), array_agg(c.usage),
           coalesce(bool_or(coalesce(c.events, '[]') <> '[]' or coalesce(c.outbox, '[]') <> '[]'), false)
      into v_ids, v_tokens, v_results, v_usages, v_extras
      from (select distinct on (r.step_id, r.lease_token) r.*
              from rows from (jsonb_to_recordset(p_completions)
                     as (step_id uuid, lease_token uuid, result jsonb, usage jsonb, events jsonb, outbox jsonb))
                   with ordinality r (step_id, lease_token, result, usage, events, outbox, ord)
             order by r.step_id, r.lease_token, r.ord) c;

    -- Plans 3
    select array_agg(distinct least(s.mission_id)) into v_missions from ops_mission_steps s where s.id = any (v_ids);
    select array_agg(l.id) filter (where l.status = 'running') into v_running
      from (select m.id, m.status from ops_missions m
             where m.id = any (v_missions)
             order by m.id
               for no key update) l;
    -- Read after the locks: a report that waited for a mission while the kill switch went on is refused.
    select c.epoch into v_epoch from ops_control c;
    v_accepted := _accept_results(v_ids, v_tokens, v_results, v_usages, v_running, v_epoch);
    if v_extras and v_accepted is not null then
      perform _publish_reports(p_completions, v_accepted);
    end if;
    if cardinality(v_accepted) = cardinality(v_ids) then
      return query select c.id, 'accepted' from unnest(v_ids) c (id);
      return;
    end if;

    v_outcomes := array(
      select case when s.lease_token = c.token and s.status = 'succeeded' then 'accepted' else 'OPS_006' end
        from unnest(v_ids, v_tokens) with ordinality c (id, token, ord)
        -- Plans 1
        left join lateral (select t.* from ops_mission_steps t where t.id = c.id limit 1) s on true
       order by c.ord);
    perform _record_attempts(
              array_agg(c.id), 'fenced', _now(), p_run_ids => array_agg(c.token),
              p_metas => array_agg(jsonb_build_object('said', 'succeeded', 'result', c.result, 'usage', c.usage)))
       from unnest(v_ids, v_tokens, v_results, v_usages, v_outcomes) c (id, token, result, usage, outcome)
      where c.outcome = 'OPS_006'
     having count(*) > 0;
    return query select c.id, c.outcome from unnest(v_ids, v_outcomes) c (id, outcome);
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) or jsonb_array_length(p_completions) = 1 then
      raise;
    end if;
    -- All at once, in order: reports one by one must not wait for an earlier mission.
    perform _lock_missions_of(array_agg((e ->> 'step_id')::uuid)) from jsonb_array_elements(p_completions) e;
    for v_report in select r.report from _reports_apart(p_completions) r loop
      begin
        return query select * from fn_complete_steps(jsonb_build_array(v_report));
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        return query select (v_report ->> 'step_id')::uuid, _error_code(sqlstate);
      end;
    end loop;
  end;
end;
$$;
comment on function fn_complete_steps(jsonb) is
  'Reports results [{"step_id", "lease_token", "result", "events", "outbox", "usage"}] of leased steps; each is '
  'accepted, OPS_006 (the lease is lost; nothing changed but the evidence) or OPS_045 (the result, or what comes with '
  'it, is too large: the step has failed for good, and its error says what to do). Sending the same again is answered '
  'alike. A bad report among several is answered with its code, and nothing of it is taken; alone it raises. OPS_018 '
  'for a malformed batch, OPS_045 for one that is too large.';
