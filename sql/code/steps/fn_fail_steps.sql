create or replace function fn_fail_steps(p_failures jsonb)
returns table (step_id uuid, outcome text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Takes reports of failed attempts: each step is tried again after a backoff, or fails for good when its error is not
-- retryable or it has no tries left; one that was asked to stop is cancelled. A year is the longest wait. A stale token
-- changes nothing (OPS_006) but is kept as evidence. The code of an error is what the report says, never a part of its
-- text. Of the text the first 10,000 characters are kept. When a batch fails on data, its reports are taken one by one:
-- a bad one is answered with the code of its error and changes nothing. A batch of one raises.
-- Locks: the barrier of reports; missions, then all their steps, each in id order. Writes: ops_mission_steps,
-- ops_missions, ops_action_runs, ops_timers, ops_agent_events, dead_letter_archive. Raises: OP018.
declare
  v_now timestamptz;
  v_epoch integer;
  v_accepted jsonb;
  v_ids uuid[];
  v_tokens uuid[];
  v_errors text[];
  v_codes text[];
  v_outcomes text[];
  v_report jsonb;
begin
  perform _check_reports(p_failures, 'p_failures');
  perform _pass_barrier('reports');
  begin
    perform _lock_missions_of(array_agg((f ->> 'step_id')::uuid)) from jsonb_array_elements(p_failures) f;
    v_now := _now();
    select c.epoch into v_epoch from ops_control c;

    select jsonb_object_agg(s.id, f)
      into v_accepted
      from jsonb_array_elements(p_failures) f
     -- Plans 1
     cross join lateral (select t.* from ops_mission_steps t where t.id = (f ->> 'step_id')::uuid limit 1) s
     where s.lease_token = (f ->> 'lease_token')::uuid and s.status = 'running' and s.lease_epoch = v_epoch;
    if v_accepted is not null then
      perform _end_attempts(
        array_agg(a.key::uuid),
        array_agg(left(coalesce(a.value ->> 'error', 'failed'), 10000)),
        array_agg(a.value ->> 'code'),
        array_agg(coalesce((a.value ->> 'retryable')::boolean, true)),
        -- At most a year, in microseconds: double precision has no number as small as numeric. Null stays null:
        -- least() would ignore it and return the year.
        array_agg(case when a.value ->> 'retry_after_seconds' is not null
                       then round(least((a.value ->> 'retry_after_seconds')::numeric, 31536000), 6)::double precision
                  end),
        'failed', v_now)
         from jsonb_each(v_accepted) a;
    end if;

    with given as (
      select distinct on (1, 2) (f ->> 'step_id')::uuid as step_id, (f ->> 'lease_token')::uuid as lease_token,
             left(f ->> 'error', 10000) as error, f ->> 'code' as code
        from jsonb_array_elements(p_failures) with ordinality r (f, ord)
       order by 1, 2, r.ord
    )
    select array_agg(g.step_id), array_agg(g.lease_token), array_agg(g.error), array_agg(g.code),
           array_agg(case when s.lease_token = g.lease_token and s.status in ('queued', 'failed', 'cancelled')
                          then s.status else 'OPS_006' end)
      into v_ids, v_tokens, v_errors, v_codes, v_outcomes
      from given g
      left join lateral (select t.* from ops_mission_steps t where t.id = g.step_id limit 1) s on true;
    perform _record_attempts(array_agg(g.id), 'fenced', _now(), array_agg(g.error), array_agg(g.code),
                             array_agg(g.token), array_agg(jsonb '{"said": "failed"}'))
       from unnest(v_ids, v_tokens, v_errors, v_codes, v_outcomes) g (id, token, error, code, outcome)
      where g.outcome = 'OPS_006'
     having count(*) > 0;
    return query select g.id, g.outcome from unnest(v_ids, v_outcomes) g (id, outcome);
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) or jsonb_array_length(p_failures) = 1 then
      raise;
    end if;
    -- All at once, in order: reports one by one must not wait for an earlier mission.
    perform _lock_missions_of(array_agg((e ->> 'step_id')::uuid)) from jsonb_array_elements(p_failures) e;
    for v_report in select r.report from _reports_apart(p_failures) r loop
      begin
        return query select * from fn_fail_steps(jsonb_build_array(v_report));
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
comment on function fn_fail_steps(jsonb) is
  'Reports failed attempts [{"step_id", "lease_token", "error", "code", "retryable", "retry_after_seconds"}]; code '
  '(OPS_nnn) is that of the error, if it has one. Each becomes queued (tried again later), failed (for good, in '
  'dead_letter_archive), cancelled, or OPS_006 (the lease is lost). Sending the same again is answered alike. OPS_018 '
  'for a malformed batch.';
