create or replace function fn_report_counts(p_process_id text, p_counts jsonb)
returns void
language plpgsql
security definer
set search_path from current
as $$
-- Takes what a worker, relay or server has counted since its start. Only what is more than it told before is counted,
-- so that the same word may come twice. A process says it when a number has changed, and at its end.
-- Locks: the row of the process. Writes: ops_process_counts, ops_counts. Raises: OP015 for the id of another login's
-- process, OP018 for an id or counts that cannot be.
declare
  c_names constant text[] := array['dropped', 'reconnects', 'claims_refused', 'keys_refused'];
  v_before jsonb;
  v_login text;
  v_faults text[];
begin
  if coalesce(p_process_id, '') = '' or jsonb_typeof(p_counts) is distinct from 'object' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_process_id is empty, or p_counts is no object',
      hint = 'Give the id of this process, and for example {"dropped": 1}.';
  end if;
  perform _check_text('p_process_id', p_process_id, 500);
  select coalesce(array_agg(f.fault), '{}') into v_faults
    from jsonb_each(p_counts) c
   cross join lateral unnest(
     case when c.key <> all (c_names) then array[format('p_counts has no field %s', c.key)]
          else _field_fault('p_counts.' || c.key, c.value, 'whole number', 0, 1000000000000) end) f (fault);
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('faults', v_faults)::text,
      hint = 'Give whole numbers since the start of the process, of: ' || array_to_string(c_names, ', ') || '.';
  end if;
  insert into ops_process_counts (process_id, counts, told_at) values (p_process_id, '{}', _now())
  on conflict do nothing;
  select p.counts, p.login into v_before, v_login
    from ops_process_counts p where p.process_id = p_process_id
     for update;
  if v_login <> session_user then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: process %s is one of login %s, not of %s', quote_literal(p_process_id), v_login,
                       session_user),
      hint = 'Give each process an id that no other ever had, such as host:pid:random.';
  end if;
  perform _count('results_dropped_total',
                 (p_counts ->> 'dropped')::bigint - coalesce((v_before ->> 'dropped')::bigint, 0));
  perform _count('reconnects_total',
                 (p_counts ->> 'reconnects')::bigint - coalesce((v_before ->> 'reconnects')::bigint, 0));
  perform _count('claims_refused_total',
                 (p_counts ->> 'claims_refused')::bigint - coalesce((v_before ->> 'claims_refused')::bigint, 0));
  perform _count('keys_refused_total',
                 (p_counts ->> 'keys_refused')::bigint - coalesce((v_before ->> 'keys_refused')::bigint, 0));
  -- The numbers of a process only rise: a word that was late does not set them back.
  update ops_process_counts p
     set told_at = _now(),
         counts = v_before || (select coalesce(jsonb_object_agg(c.key, c.value), '{}') from jsonb_each(p_counts) c
                                where c.value::numeric >= coalesce((v_before ->> c.key)::numeric, 0))
   where p.process_id = p_process_id;
end;
$$;
comment on function fn_report_counts(text, jsonb) is
  'A worker, relay or server tells what it has counted since its start: {"dropped": finished results that the database '
  'never took, "reconnects", "claims_refused", "keys_refused": wrong keys that it was shown}. Counts as far as it is '
  'more than it told before, so saying it twice does no harm; fn_metrics and fn_check_health show the sums. OPS_015 '
  'for another login''s process, OPS_018 for a name or number that cannot be.';
