create or replace function _broken_approvals(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Missions without a valid approval, or without the seats that rules asked for, of those with an id above p_after and
-- up to p_upto; and grants used beyond their bounds. Reads these missions and their proposals, and all grants.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '5 every mission was approved', 'mission ' || m.id::text, f.fault
    from ops_missions m
    left join ops_mission_proposals p on p.id = m.proposal_id
   cross join lateral (values
     (case
        when p.id is null then 'has no proposal'
        when p.status not in ('approved', 'auto_approved') or p.approved_at is null
             then format('its proposal is %s', p.status)
        when p.approved_digest is distinct from _template_digest(p.template, p.slots)
          then 'what was approved is not the template of its proposal'
        when p.status = 'approved' and not exists (
          select from ops_proposal_votes v where v.proposal_id = p.id and v.decision and v.vote = 'approve')
          then 'nobody''s decision is on record'
        when m.auto_approved <> (p.status = 'auto_approved') then 'auto_approved is not as its proposal says'
      end),
     (case when p.counted_at is null then 'its proposal was never counted' end),
     ((select string_agg(format('policy %s version %s is not in the history', k.key, v.version), '; ' order by k.key)
        from unnest(array['auto_approve', 'proposal_caps', 'worker_policy']) k (key)
       cross join lateral (select (p.policy_snapshot ->> k.key)::integer as version) v
       -- A document that was first set after the approval did not decide.
       where exists (select from ops_policy_history h where h.key = k.key and h.updated_at <= p.approved_at)
         and not exists (select from ops_policy_history h where h.key = k.key and h.version = v.version)))) f (fault)
   where m.id > p_after and m.id <= p_upto and f.fault is not null;
  return query select * from _unfilled_seats(p_after, p_upto);
  return query select * from _overused_grants();
end;
$$;
