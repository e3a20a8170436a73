create or replace function fn_resolve_steps(
  p_filter jsonb,
  p_outcome text,
  p_limit integer default 100,
  p_dry_run boolean default true,
  p_actor text default null,
  p_reason text default null
)
returns table (id uuid, mission_id uuid, title text, was text, ok boolean, status text, code text, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Decides how waiting steps ended that a filter of fn_list_steps matches, each as fn_resolve_step does, succeeded or
-- failed; as fn_retry_steps else.
-- Locks: their missions and steps, SKIP LOCKED. Writes: what fn_resolve_step writes. Raises: OP018 for an outcome,
-- filter or limit that cannot be.
declare
  v_filter jsonb;
  v_ids uuid[];
begin
  perform _check_list(p_limit);
  if p_outcome is null or p_outcome not in ('succeeded', 'failed') then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: outcome %s is not valid', quote_nullable(p_outcome)),
      hint = 'A step is resolved as succeeded or failed.';
  end if;
  v_filter := case when p_filter ?| array['ids', 'status'] then p_filter
                   else '{"status": "waiting"}' || coalesce(nullif(p_filter, 'null'), '{}') end;
  v_ids := _matching_steps(v_filter, p_limit, 1000000);
  if coalesce(p_dry_run, true) then
    return query select l.* from _listed_steps(v_ids) l;
  else
    return query select e.* from _act_on_each('resolve', v_filter, v_ids, p_actor, p_reason, p_outcome) e;
  end if;
end;
$$;
comment on function fn_resolve_steps(jsonb, text, integer, boolean, text, text) is
  'Decides how up to p_limit (1 to 1000) waiting steps ended that a filter of fn_list_steps matches: succeeded or '
  'failed; p_dry_run defaults to true: then it only lists them. Each is answered as by fn_retry_steps. OPS_018 for an '
  'outcome, filter or limit that cannot be.';
