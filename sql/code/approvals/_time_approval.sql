create or replace function _time_approval(p_proposal_id uuid, p_asked_at timestamptz, p_required jsonb)
returns void
language plpgsql
set search_path from current
as $$
-- Adds to when a proposal expires and whom it escalates to what these requirements say, counted from p_asked_at. The
-- shorter expiry stays, and to reject is stricter than to hold. One that was held expires no more.
-- Locks: the row of ops_approvals. Writes: ops_approvals. Raises: nothing.
begin
  update ops_approvals a
     set asked_at = p_asked_at, expires_at = n.expires_at, on_expiry = n.on_expiry, escalations = n.escalations,
         next_at = least(n.expires_at,
                         (select min((e ->> 'at')::timestamptz) from jsonb_array_elements(n.escalations) e))
    from (select case when o.held_at is null
                      then least(o.expires_at,
                                 p_asked_at + make_interval(mins => (p_required ->> 'expires_minutes')::integer)) end
                   as expires_at,
                 case when 'reject' in (o.on_expiry, p_required ->> 'on_expiry') then 'reject'
                      else coalesce(o.on_expiry, p_required ->> 'on_expiry') end as on_expiry,
                 (select coalesce(jsonb_agg(distinct w.e), '[]')
                    from (select e from jsonb_array_elements(o.escalations) e
                          union all
                          select jsonb_strip_nulls(e - 'after_minutes')
                                 || jsonb_build_object('at', p_asked_at
                                                             + make_interval(mins => (e ->> 'after_minutes')::integer))
                            from jsonb_array_elements(p_required -> 'escalate') e) w
                   where not o.escalated @> jsonb_build_array(
                           jsonb_build_object('rule', w.e -> 'rule', 'group', w.e -> 'group'))) as escalations
            from ops_approvals o
           where o.proposal_id = p_proposal_id) n
   where a.proposal_id = p_proposal_id;
end;
$$;
