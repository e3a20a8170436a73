create or replace function _outbox_hold(p_event_type text, p_policy jsonb)
returns text
language plpgsql
stable
set search_path from current
as $$
-- Why relays leave messages of this type where they are, null when they may be delivered: policy routes them nowhere,
-- or to a command that may not run, being an executor that is blocked or paused.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  v_route constant jsonb := _outbox_route(p_event_type, p_policy);
  v_preset constant text := v_route ->> 'preset';
  v_worker_policy jsonb;
  v_rule text;
begin
  if v_route is null then
    return format('no route in the policy outbox for %s', p_event_type);
  elsif v_route ->> 'sink' <> 'command' then
    return null;
  end if;
  v_worker_policy := _policy('worker_policy');
  v_rule := (_executor_blocked(v_preset, v_worker_policy)).rule;
  if v_rule is not null then
    return format('no relay runs preset %s: worker_policy.%s', v_preset, v_rule);
  end if;
  return (select _pause_reason(p.scope, p.target, p.reason)
            from ops_pauses p
           where p.scope = 'executor' and p.target = any (_executor_names(v_preset, v_worker_policy))
           order by p.paused_at
           limit 1);
end;
$$;
