create or replace function _judge_picked(
  p_step_ids uuid[],
  p_generation integer,
  p_worker_policy jsonb,
  out bad uuid[],
  out later uuid[],
  out faults jsonb,
  out holds jsonb,
  out params jsonb
)
language plpgsql
set search_path from current
as $$
-- For a claim: the verdicts on steps that differ from what the gate judged, as _pick_steps returns them. bad: the steps
-- that may not run. A batch that fails on data is halved until the step is found that it failed on; that one is faulty,
-- with the code of the error, and the rest is judged as ever. later: steps left over once what was rendered is enough
-- for one claim, or once looking for faulty ones has taken a second. (A block with an exception clause is a
-- subtransaction. It only reads, so it draws no transaction id, and steps as the gate judged them never come here.)
-- Locks: none. Writes: nothing. Raises: errors not caused by the data.
declare
  c_chunk constant integer := 32;
  c_enough constant integer := 32 * 1024 * 1024;
  c_patience constant interval := interval '1 second';
  v_began constant timestamptz := clock_timestamp();
  v_size integer := c_chunk;
  v_from integer := 1;
  v_chunk uuid[];
  v_found record;
  v_message text;
begin
  bad := '{}'::uuid[];
  faults := '{}'::jsonb;
  holds := '{}'::jsonb;
  params := '{}'::jsonb;
  while v_from <= cardinality(p_step_ids) loop
    v_chunk := p_step_ids[v_from : v_from + v_size - 1];
    begin
      select array_agg(v.step_id) filter (where v.fault is not null or v.hold is not null) as bad,
             jsonb_object_agg(v.step_id, jsonb_build_object('code', v.fault_code, 'reason', v.fault))
               filter (where v.fault is not null) as faults,
             jsonb_object_agg(v.step_id, jsonb_build_object('code', v.hold_code, 'reason', v.hold))
               filter (where v.fault is null and v.hold is not null) as holds,
             jsonb_object_agg(v.step_id, jsonb_build_object('params', v.params, 'run_with', v.run_with, 'role', v.role))
               filter (where v.fault is null and v.hold is null) as params
        into v_found
        from _claim_verdicts(v_chunk, p_generation, p_worker_policy) v;
      bad := bad || coalesce(v_found.bad, '{}');
      faults := faults || coalesce(v_found.faults, '{}');
      holds := holds || coalesce(v_found.holds, '{}');
      params := params || coalesce(v_found.params, '{}');
      v_from := v_from + cardinality(v_chunk);
      v_size := least(v_size * 2, c_chunk);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      if cardinality(v_chunk) > 1 then
        v_size := (cardinality(v_chunk) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        bad := bad || v_chunk;
        faults := faults || jsonb_build_object(v_chunk[1], jsonb_build_object('code', _error_code(sqlstate),
                                                                              'reason', v_message));
        v_from := v_from + 1;
      end if;
    end;
    exit when pg_column_size(params) >= c_enough
              or (faults <> '{}' and clock_timestamp() > v_began + c_patience);
  end loop;
  later := p_step_ids[v_from:];
end;
$$;
