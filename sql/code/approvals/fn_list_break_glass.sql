create or replace function fn_list_break_glass(p_limit integer default 50)
returns table (
  proposal_id uuid,
  title text,
  login text,
  actor text,
  reason text,
  used_at timestamptz,
  review_due timestamptz,
  reviewed_by text[],
  is_open boolean,
  is_overdue boolean
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Decisions that one login took alone, those open for review first, then the newest.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select g.proposal_id, p.title, g.login, g.actor, g.reason, g.used_at, g.review_due, r.logins,
         cardinality(r.logins) < 2, cardinality(r.logins) < 2 and g.review_due <= _now()
    from ops_break_glass g
    left join ops_mission_proposals p on p.id = g.proposal_id
   cross join lateral (
     select array(select w.login from ops_break_glass_reviews w
                   where w.proposal_id = g.proposal_id order by w.created_at) as logins) r
   order by cardinality(r.logins) < 2 desc, g.used_at desc
   limit p_limit;
end;
$$;
comment on function fn_list_break_glass(integer) is
  'Decisions that one login took alone, those open for review first: by whom and why, who has signed it off, until '
  'when two must have. OPS_018 for a limit that cannot be.';
