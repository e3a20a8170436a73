create or replace function _wait_terms(p_step_id uuid, p_from timestamptz)
returns table (until timestamptz, type text, match jsonb, on_timeout text, fault text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The terms of a step of kind wait, its placeholders filled: until when, where its turn came at p_from, and for which
-- event, null for none. fault: why it cannot wait, null when it can.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_step record;
  v_params jsonb;
  v_faults text[];
begin
  select s.params, s.slots, s.mission_id into v_step from ops_mission_steps s where s.id = p_step_id;
  v_params := v_step.params;
  if v_step.slots is not null then
    select f.params, f.fault into v_params, fault
      from _fill_step(v_step.params, v_step.slots, _step_results(v_step.mission_id, v_step.slots)) f;
    if fault is null then
      v_faults := _wait_faults('params', v_params);
      fault := v_faults[1];
    end if;
  end if;
  if fault is null then
    type := v_params ->> 'event';
    match := coalesce(nullif(v_params -> 'match', 'null'), '{}');
    on_timeout := coalesce(v_params ->> 'on_timeout', 'fail');
    until := _moment(coalesce(nullif(v_params -> 'seconds', 'null'), nullif(v_params -> 'until', 'null'),
                              nullif(v_params -> 'timeout_seconds', 'null')), p_from);
    -- A value that looks like a placeholder is none any more.
    if until is null and (type is null or jsonb_typeof(v_params -> 'timeout_seconds') <> 'null')
       or type !~ '^[^[:space:][:cntrl:]]{1,200}$' then
      fault := format('params: %s is nothing to wait for', left(v_params::text, 80));
    end if;
  end if;
  return next;
end;
$$;
