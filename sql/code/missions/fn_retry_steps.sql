create or replace function fn_retry_steps(
  p_filter jsonb default '{}',
  p_limit integer default 100,
  p_dry_run boolean default true,
  p_actor text default null
)
returns table (id uuid, mission_id uuid, title text, was text, ok boolean, status text, code text, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Runs steps again that a filter of fn_list_steps matches, those that failed unless it has ids or a status, each as
-- fn_retry_step does. A dry run, which is the default, only lists them. Else it answers those that it comes to in 50
-- ms, so that nobody waits for their missions: call it until no row is left, with before for those that are refused.
-- Locks: their missions and steps, SKIP LOCKED. Writes: what fn_retry_step writes. Raises: OP018 for a filter or limit
-- that cannot be.
declare
  v_filter jsonb;
  v_ids uuid[];
begin
  perform _check_list(p_limit);
  v_filter := case when p_filter ?| array['ids', 'status'] then p_filter
                   else '{"status": "failed"}' || coalesce(nullif(p_filter, 'null'), '{}') end;
  v_ids := _matching_steps(v_filter, p_limit, 1000000);
  if coalesce(p_dry_run, true) then
    return query select l.* from _listed_steps(v_ids) l;
  else
    return query select e.* from _act_on_each('retry', v_filter, v_ids, p_actor) e;
  end if;
end;
$$;
comment on function fn_retry_steps(jsonb, integer, boolean, text) is
  'Runs up to p_limit (1 to 1000) steps again that a filter of fn_list_steps matches (failed ones, unless it has ids '
  'or a status), newest first; p_dry_run defaults to true: then it only lists them. Each is answered: ok with its '
  'status, or the code and message why not; those that another session holds with OPS_031. Fewer than p_limit where '
  'they take longer than 50 ms. OPS_018 for a filter or limit that cannot be.';
