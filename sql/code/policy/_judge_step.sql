create or replace function _judge_step(
  p_kind text,
  p_executor text,
  p_params jsonb,
  p_declared_risk text,
  p_auto_approve jsonb,
  p_worker_policy jsonb,
  p_allowed boolean default null,
  out risk smallint,
  out auto_ok boolean,
  out forbidden text,
  out reason text,
  out code text,
  out rule text
)
language plpgsql
immutable
set search_path from current
as $$
-- The verdict of policy on one step, asked at the gate, and again by the claim about what will really run. risk: 1 low,
-- 2 medium, 3 high, the higher of the declared one and those of all risk rules that hold. auto_ok: it may run without
-- the decision of a person; if not, reason says why. forbidden: why no person may have it run, null when a person may.
-- code: OPS_003 when it is forbidden, OPS_009 when a person must decide. rule: the path in policy that says so, null
-- when the fault is in the step itself. p_allowed: of a command, whether command_allow has an entry for it, where many
-- are asked about at once (_allowed_commands).
-- Locks: none. Writes: nothing. Raises: nothing for sound policies.
declare
  v_rule jsonb;
  v_rule_risk smallint;
  v_rule_name text;
  v_max smallint;
  v_executors jsonb := coalesce(nullif(p_auto_approve -> 'allowed_executors', 'null'),
                                p_auto_approve -> 'allowed_step_kinds');
begin
  risk := coalesce(array_position(_risk_levels(), p_declared_risk), 1);
  for v_rule in
    select e
      from jsonb_array_elements(coalesce(nullif(p_auto_approve -> 'risk_rules', 'null'), _built_in_risk_rules())) e
     -- Most rules name other executors: they are skipped without a call.
     where e ->> 'executor' is null or e -> 'executor' ? p_executor or strpos(e ->> 'executor', '*') > 0
  loop
    v_rule_risk := coalesce(array_position(_risk_levels(), v_rule ->> 'risk_level'), 3);
    if v_rule_risk > risk and _risk_rule_holds(v_rule, p_kind, p_executor, p_params) then
      risk := v_rule_risk;
      v_rule_name := v_rule ->> 'name';
    end if;
  end loop;

  if p_worker_policy -> 'presets' ? p_executor then
    select x.fault, 'worker_policy.presets.' || p_executor into forbidden, rule
      from _expand_preset(p_executor, p_params, p_worker_policy) x
     where x.fault is not null;
  elsif p_executor = 'command' then
    select c.forbidden, 'worker_policy.' || c.setting into forbidden, rule
      from _command_forbidden(p_params, p_worker_policy, p_allowed) c;
  end if;

  v_max := coalesce(array_position(_risk_levels(), p_auto_approve ->> 'max_risk_level'), 1);
  if forbidden is not null then
    reason := forbidden;
  elsif coalesce(p_auto_approve -> 'enabled', 'false') <> 'true' then
    rule := 'auto_approve.enabled';
    reason := 'auto_approve.enabled is not true';
  elsif p_kind in ('approval', 'wait', 'mission') and p_executor = p_kind and risk <= v_max then
    -- It runs nothing: persons decide on it when its turn comes, or it waits. The mission
    -- that it waits for is a proposal of its own.
    null;
  elsif not coalesce(p_auto_approve -> 'allowed_step_kinds' ? p_kind
                     or _matches_any(p_kind, p_auto_approve -> 'allowed_step_kinds'), false) then
    rule := 'auto_approve.allowed_step_kinds';
    reason := format('kind %s is not in %s', p_kind, rule);
  elsif not coalesce(v_executors ? p_executor or _matches_any(p_executor, v_executors), false) then
    rule := case when v_executors = p_auto_approve -> 'allowed_executors' then 'auto_approve.allowed_executors'
                 else 'auto_approve.allowed_step_kinds' end;
    reason := format('executor %s is not in %s', p_executor, rule);
  elsif risk > v_max then
    rule := coalesce('auto_approve.risk_rules.' || v_rule_name, 'auto_approve.max_risk_level');
    reason := format('risk %s (%s) is above auto_approve.max_risk_level %s', _risk_name(risk),
                     coalesce('risk rule ' || v_rule_name, 'as declared'), _risk_name(v_max));
  end if;
  auto_ok := reason is null;
  code := case when forbidden is not null then 'OPS_003' when reason is not null then 'OPS_009' end;
end;
$$;
