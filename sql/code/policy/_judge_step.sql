create or replace function _judge_step(
  p_kind text,
  p_executor text,
  p_params jsonb,
  p_declared_risk text,
  p_auto_approve jsonb,
  p_worker_policy jsonb,
  out risk smallint,
  out auto_ok boolean,
  out forbidden text,
  out reason text
)
language plpgsql
immutable
set search_path from current
as $$
-- What policy says about one step. risk: 1 low, 2 medium, 3 high, the higher of the declared one and that of every risk
-- rule that holds. auto_ok: it may run without a person; if not, reason says why. forbidden: why not even a person may
-- have it run, null when one may. Judged at the gate, and again in the claim on what will really run.
-- Locks: none. Writes: nothing. Raises: nothing for sound policies.
declare
  v_rule jsonb;
  v_scope jsonb;
  v_rule_risk smallint;
  v_rule_name text;
  v_max smallint;
  v_executors jsonb := coalesce(nullif(p_auto_approve -> 'allowed_executors', 'null'), p_auto_approve -> 'allowed_step_kinds');
begin
  risk := case p_declared_risk when 'high' then 3::smallint when 'medium' then 2::smallint else 1::smallint end;
  for v_rule in select e from jsonb_array_elements(nullif(p_auto_approve -> 'risk_rules', 'null')) e loop
    -- Most rules name other executors: left out without a call.
    v_scope := nullif(v_rule -> 'executor', 'null');
    continue when not v_scope ? p_executor and strpos(v_scope::text, '*') = 0;
    v_rule_risk := case v_rule ->> 'risk_level' when 'low' then 1::smallint when 'medium' then 2::smallint else 3::smallint end;
    if v_rule_risk > risk and _risk_rule_holds(v_rule, p_kind, p_executor, p_params) then
      risk := v_rule_risk;
      v_rule_name := v_rule ->> 'name';
    end if;
  end loop;

  if p_worker_policy -> 'presets' ? p_executor then
    select x.fault into forbidden
      from _expand_preset(p_executor, p_params, p_worker_policy) x
     where x.fault is not null;
  elsif p_executor = 'command' then
    forbidden := _command_forbidden(p_params, p_worker_policy);
  end if;

  v_max := case p_auto_approve ->> 'max_risk_level' when 'high' then 3::smallint when 'medium' then 2::smallint else 1::smallint end;
  reason := case
    when forbidden is not null then forbidden
    when coalesce(p_auto_approve -> 'enabled', 'false') <> 'true' then 'auto_approve.enabled is not true'
    when not coalesce(p_auto_approve -> 'allowed_step_kinds' ? p_kind
                      or _matches_any(p_kind, p_auto_approve -> 'allowed_step_kinds'), false)
      then format('kind %s is not in auto_approve.allowed_step_kinds', p_kind)
    when not coalesce(v_executors ? p_executor or _matches_any(p_executor, v_executors), false)
      then format('executor %s is not in auto_approve.%s', p_executor,
                  case when v_executors = p_auto_approve -> 'allowed_executors' then 'allowed_executors'
                       else 'allowed_step_kinds' end)
    when risk > v_max
      then format('risk %s (%s) is above auto_approve.max_risk_level %s',
                  (array['low', 'medium', 'high'])[risk],
                  coalesce('risk rule ' || v_rule_name, 'as declared'),
                  (array['low', 'medium', 'high'])[v_max])
  end;
  auto_ok := reason is null;
end;
$$;
