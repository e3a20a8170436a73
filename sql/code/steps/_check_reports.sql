create or replace function _check_reports(p_reports jsonb, p_name text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a batch of reports that is not an array of objects with step_id and lease_token, or that has a field of a
-- wrong type, and one that is too large (completions are judged one by one, by _large_reports). All ids are checked by
-- one regular expression: one for each id would cost ten times as much.
-- Locks: none. Writes: nothing. Raises: OP018, OP045.
declare
  v_uuid constant text := '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
  v_ids text;
  v_mistyped bigint;
  v_bad bigint;
begin
  if jsonb_typeof(p_reports) is distinct from 'array' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s must be an array', p_name),
      detail = format('got: %s', left(p_reports::text, 200)), hint = 'Give [{"step_id": "…", "lease_token": "…", …}].';
  end if;
  if p_name = 'p_leases' then
    perform _check_batch(p_name, p_reports, 'progress', 'result_bytes');
  elsif p_name <> 'p_completions' then
    perform _check_batch(p_name, p_reports);
  end if;
  select string_agg(concat(r.report ->> 'step_id', r.report ->> 'lease_token', ';'), ''),
         -- One look for all six: most reports have none of them.
         min(r.ord) filter (where r.report ?| '{events,outbox,code,retryable,retry_after_seconds,wait_seconds}'
                              and (jsonb_typeof(r.report -> 'events') not in ('array', 'null')
                                   or jsonb_typeof(r.report -> 'outbox') not in ('array', 'null')
                                   or r.report ->> 'code' !~ '^OPS_[0-9]{3}$'
                                   or jsonb_typeof(r.report -> 'retryable') not in ('boolean', 'null')
                                   or jsonb_typeof(r.report -> 'retry_after_seconds') not in ('number', 'null')
                                   or jsonb_typeof(r.report -> 'wait_seconds') not in ('number', 'null')))
    into v_ids, v_mistyped
    from jsonb_array_elements(p_reports) with ordinality r (report, ord);
  if v_mistyped is null and (v_ids is null or v_ids ~ format('^(%s%1$s;)*$', v_uuid)) then
    return;
  end if;

  select least(min(r.ord), v_mistyped) into v_bad
    from jsonb_array_elements(p_reports) with ordinality r (report, ord)
   where concat(r.report ->> 'step_id', r.report ->> 'lease_token') !~ format('^%s%1$s$', v_uuid);
  raise exception using errcode = 'OP018',
    message = format('OPS_018: %s[%s] needs step_id and lease_token, and its other fields as documented', p_name,
                     v_bad - 1),
    detail = left((p_reports -> (v_bad - 1)::integer)::text, 200),
    hint = 'Give both as they came from fn_claim_steps; events and outbox are arrays, retryable is true or false, '
           'retry_after_seconds and wait_seconds are numbers, code has the form OPS_nnn. Nothing was changed.';
end;
$$;
