create or replace function fn_cancel_missions(
  p_filter jsonb default '{}',
  p_limit integer default 100,
  p_dry_run boolean default true,
  p_actor text default null,
  p_reason text default null
)
returns table (id uuid, mission_id uuid, title text, was text, ok boolean, status text, code text, reason text)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Cancels missions that a filter of fn_list_missions matches, open ones unless it has ids or a status, each as
-- fn_cancel_mission does; as fn_retry_steps else.
-- Locks: the missions and their steps, SKIP LOCKED. Writes: what fn_cancel_mission writes. Raises: OP018 for a filter
-- or limit that cannot be.
declare
  v_filter jsonb;
  v_ids uuid[];
begin
  perform _check_list(p_limit);
  v_filter := case when p_filter ?| array['ids', 'status'] then p_filter
                   else '{"status": "open"}' || coalesce(nullif(p_filter, 'null'), '{}') end;
  v_ids := _matching_missions(v_filter, p_limit, 1000000);
  if coalesce(p_dry_run, true) then
    return query
    select m.id, m.id, m.title, m.status, null::boolean, null::text, null::text, m.error
      from ops_missions m where m.id = any (v_ids) order by m.id desc;
  else
    return query select e.* from _act_on_each('cancel', v_filter, v_ids, p_actor, p_reason) e;
  end if;
end;
$$;
comment on function fn_cancel_missions(jsonb, integer, boolean, text, text) is
  'Cancels up to p_limit (1 to 1000) missions that a filter of fn_list_missions matches (open ones, unless it has ids '
  'or a status), newest first; p_dry_run defaults to true: then it only lists them. Each is answered as by '
  'fn_retry_steps. OPS_018 for a filter or limit that cannot be.';
