create or replace function fn_list_schedule_ticks(p_name text, p_limit integer default 50)
returns table (
  tick timestamptz,
  cause text,
  outcome text,
  code text,
  reason text,
  event_id uuid,
  proposal_id uuid,
  mission_id uuid,
  login text,
  taken_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The outcomes of the ticks of a schedule, the last taken first.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select t.tick, t.cause, t.outcome, t.code, t.reason, t.event_id, t.proposal_id, m.id, t.login, t.taken_at
    from ops_schedule_ticks t
    left join ops_missions m on m.proposal_id = t.proposal_id
   where t.schedule = p_name
   order by t.taken_at desc, t.tick desc
   limit p_limit;
end;
$$;
comment on function fn_list_schedule_ticks(text, integer) is
  'The outcomes of the ticks of a schedule, the last taken first, p_limit (1 to 1000, default 50); the last 1,000 are '
  'kept. OPS_018 for a limit that cannot be.';
