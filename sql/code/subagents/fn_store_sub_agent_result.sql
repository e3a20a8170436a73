create or replace function fn_store_sub_agent_result(
  p_sd_id text,
  p_code text,
  p_phase text default null,
  p_session_id text default null,
  p_verdict text default null,
  p_confidence numeric default null,
  p_execution_time numeric default null,
  p_metadata jsonb default null,
  p_skip_idempotency boolean default false,
  p_mission_id uuid default null,
  p_step_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Stores what a sub-agent found. The same directive, sub-agent, session and phase within the same hour is the same run:
-- its first row counts the hit and is the answer, also for two callers at once. p_skip_idempotency stores a row of its
-- own.
-- Locks: the unique index of idempotency_key, for which it waits; the first row of a hit. Writes:
-- sub_agent_execution_results. Raises: OP012 for an unknown directive, OP018 for arguments that cannot be.
declare
  v_sd_id constant text := (_known_directive(p_sd_id)).id;
  v_key text;
  v_row sub_agent_execution_results;
begin
  if jsonb_typeof(coalesce(p_metadata, '{}')) <> 'object' or p_confidence not between 0 and 100
     or not (p_execution_time >= 0 and p_execution_time < 'Infinity') then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: ' || case
        when jsonb_typeof(p_metadata) <> 'object'
             then format('p_metadata must be an object, not %s', left(p_metadata::text, 80))
        when p_confidence not between 0 and 100
             then format('p_confidence must be from 0 to 100, not %s', left(p_confidence::text, 80))
        else format('p_execution_time must be 0 or more, and finite, not %s', left(p_execution_time::text, 80)) end,
      detail = jsonb_build_object('p_metadata', left(p_metadata::text, 200), 'p_confidence', p_confidence,
                                  'p_execution_time', p_execution_time)::text,
      hint = 'Leave out what is not known.';
  end if;
  v_key := fn_idempotency_key(p_code, array[v_sd_id, p_session_id, p_phase]);
  insert into sub_agent_execution_results (id, sd_id, sub_agent_code, phase, session_id, verdict, confidence,
                                           execution_time, metadata, idempotency_key, mission_id, step_id, created_at)
  values (_uuid_v7(), v_sd_id, p_code, p_phase, p_session_id, p_verdict, p_confidence, p_execution_time,
          coalesce(p_metadata, '{}')
          || jsonb_build_object('orchestrated', p_mission_id is not null, 'idempotency_key', v_key, 'idempotent_hit',
                                false, 'hits', 0, 'phase', p_phase, 'session_id', p_session_id),
          case when p_skip_idempotency is not true then v_key end, p_mission_id, p_step_id, _now())
  on conflict on constraint sub_agent_execution_results_key do nothing
  returning * into v_row;
  if not found then
    v_row := _hit_result(v_key);
  end if;
  return to_jsonb(v_row) || jsonb_build_object('idempotent_hit', v_row.metadata -> 'hits' <> '0');
end;
$$;
comment on function fn_store_sub_agent_result(text, text, text, text, text, numeric, numeric, jsonb, boolean, uuid,
                                              uuid) is
  'Stores what a sub-agent found about a directive and returns the row with "idempotent_hit": the first row of the '
  'hour for the same directive, sub-agent, session and phase, which counts the hit, unless p_skip_idempotency. OPS_012 '
  'for an unknown directive, OPS_018 for arguments that cannot be.';
