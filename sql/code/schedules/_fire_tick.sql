create or replace function _fire_tick(p_schedule ops_schedules, p_tick timestamptz, p_login text)
returns ops_schedule_ticks
language plpgsql
set search_path from current
as $$
-- Does the work of a tick: emits its event or proposes its template, which policy judges and caps count like any other.
-- Its dedupe_key makes that happen once, also when the record of the tick was deleted. It counts as proposed by p_login
-- or, when that is null, by the login that set the schedule; a login that had a hand in it does not decide on it. Of
-- the row that is returned outcome, code, reason, event_id and proposal_id are filled.
-- Locks: cap counters, the unique index of dedupe_key. Writes: what emitting and proposing write. Raises: OP004, OP019,
-- OP045.
declare
  v_row ops_schedule_ticks;
  v_key constant text := format('schedule:%s:%s', p_schedule.name, _tick_text(p_tick));
  v_login constant text := coalesce(p_login, p_schedule.set_login);
  v_data jsonb;
  v_faults text[];
  v_made record;
begin
  if p_schedule.event_type is not null then
    v_data := jsonb_build_object('source', p_schedule.source) || p_schedule.data
              || jsonb_build_object('schedule', p_schedule.name, 'tick', _tick_text(p_tick));
    perform _check_batch('events', jsonb_build_array(jsonb_build_object('data', v_data)), 'data', 'event_bytes');
    v_row.event_id := (_emit_events(array[p_schedule.event_type], array[v_data], array[v_key], array[null::uuid],
                                    v_login))[1];
    v_row.outcome := 'fired';
    return v_row;
  end if;

  perform _check_template('template', p_schedule.template, 'template_bytes');
  v_faults := _template_faults(p_schedule.template, false);
  if v_faults <> '{}' then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = format('Mend the template of schedule %s: fn_set_schedule().', p_schedule.name);
  end if;
  v_made := _create_proposals(
    array[p_schedule.template], array[_template_slots(p_schedule.template)], array[1], array[p_schedule.source],
    array[v_key], null, null, null, array[v_login],
    array[array(select distinct l from unnest(p_schedule.proposers || v_login) l order by l)::text]);
  v_row.proposal_id := v_made.ids[1];
  v_row.outcome := case when v_made.statuses[1] = 'rejected' then 'rejected' else 'fired' end;
  if v_row.outcome = 'rejected' then
    select p.reason_code, p.reason into v_row.code, v_row.reason
      from ops_mission_proposals p where p.id = v_row.proposal_id;
  end if;
  return v_row;
end;
$$;
