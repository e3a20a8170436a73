create or replace function _check_reports(p_reports jsonb, p_name text)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Refuses a batch of reports that is not an array of objects with step_id and lease_token.
-- Locks: none. Writes: nothing. Raises: OP018.
declare
  v_bad bigint;
begin
  if jsonb_typeof(p_reports) is distinct from 'array' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s must be an array', p_name),
      detail = format('got: %s', left(p_reports::text, 200)), hint = 'Give [{"step_id": "…", "lease_token": "…", …}].';
  end if;
  select min(r.ord) into v_bad
    from jsonb_array_elements(p_reports) with ordinality r (report, ord)
   where jsonb_typeof(r.report) <> 'object' or r.report ->> 'step_id' is null or r.report ->> 'lease_token' is null;
  if v_bad is not null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s[%s] needs step_id and lease_token', p_name, v_bad - 1),
      detail = left(p_reports -> (v_bad - 1)::integer #>> '{}', 200),
      hint = 'Give both as they came from fn_claim_steps. Nothing was changed.';
  end if;
end;
$$;
