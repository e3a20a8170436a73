create or replace function _explain_parking(p_step ops_mission_steps, p_hold text, p_hold_code text, p_versions text)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- What a waiting step waits for, by its row in ops_parked_steps: a person, or a pause that is lifted; one in force is
-- told by _explain_pauses. p_hold: why the next claim would park it, null when it would not; p_versions: of the policy
-- documents that say so.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_schema constant text := quote_ident(current_schema());
  v_hold constant text := concat_ws(': ', p_hold_code, p_hold);
  v_parked ops_parked_steps;
begin
  select * into v_parked from ops_parked_steps p where p.step_id = p_step.id;
  if v_parked.waits_for = 'pause' then
    if not exists (select from ops_pauses p where p.scope = v_parked.scope and p.target = v_parked.target) then
      reason := 'pause';
      detail := format('parked by the pause of %s, which is lifted; the next heartbeat puts it back',
                       concat_ws(' ', v_parked.scope, nullif(v_parked.target, '')));
      frees := format('select %s.fn_heartbeat();', v_schema);
      return next;
    end if;
    return;
  end if;
  reason := 'hold';
  code := coalesce(p_hold_code, v_parked.code);
  detail := format('%s%s; to say how it ended instead: select %s.fn_resolve_step(%L, ''succeeded''); or ''failed''',
                   coalesce(p_step.wait_reason, 'no reason is on record'),
                   case when p_hold is null then ''
                        when p_hold_code = 'OPS_003' or v_hold = p_step.wait_reason then format(' (%s)', p_versions)
                        else format(' (by now %s; %s)', v_hold, p_versions) end,
                   v_schema, p_step.id);
  frees := format('select %s.fn_retry_step(%L);', v_schema, p_step.id);
  return next;
end;
$$;
