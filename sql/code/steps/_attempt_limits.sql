create or replace function _attempt_limits(p_executors text[], p_worker_policy jsonb, p_worker_id text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The limits of each of these executors that hold unless a step says otherwise: [seconds an attempt may take, failures
-- after which a step fails for good]. The environment of the worker precedes policy, and policy precedes the built-in
-- 60 seconds and 3 failures.
-- Locks: none. Writes: nothing. Raises: OP015 for the id of another login's worker.
declare
  v_settings jsonb;
  v_login text;
  v_executor text;
  v_limits jsonb := '{}';
begin
  select w.settings, w.login into v_settings, v_login from ops_workers w where w.worker_id = p_worker_id;
  if v_login <> session_user then
    perform _assert_own_worker(p_worker_id);
  end if;
  foreach v_executor in array p_executors loop
    continue when v_limits ? v_executor;
    v_limits := v_limits || jsonb_build_object(v_executor, jsonb_build_array(
      coalesce((_executor_setting(p_worker_policy, v_executor, 'timeout_seconds'))::double precision,
               (p_worker_policy ->> 'step_timeout_seconds')::double precision, 60),
      coalesce((v_settings ->> 'max_retries')::integer,
               (_executor_setting(p_worker_policy, v_executor, 'max_retries'))::integer,
               (p_worker_policy ->> 'max_retries')::integer, 3)));
  end loop;
  return v_limits;
end;
$$;
