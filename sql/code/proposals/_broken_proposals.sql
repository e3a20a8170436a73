create or replace function _broken_proposals()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Missions without an approval that holds, cap counters that are not exact, and caps that were exceeded: in a window
-- where every proposal was counted under a cap, there are no more than the highest of these caps. Reads all proposals.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '5 every mission was approved', 'mission ' || m.id, f.fault
    from ops_missions m
    left join ops_mission_proposals p on p.id = m.proposal_id
   cross join lateral (values
     (case
        when p.id is null then 'has no proposal'
        when p.status not in ('approved', 'auto_approved') or p.approved_at is null then format('its proposal is %s', p.status)
        when p.approved_digest is distinct from _digest(jsonb_build_array(p.template, p.slots))
          then 'what was approved is not the template of its proposal'
        when p.status = 'approved' and not exists (
          select from ops_proposal_votes v where v.proposal_id = p.id and v.decision and v.vote = 'approve')
          then 'nobody''s decision is on record'
        when m.auto_approved <> (p.status = 'auto_approved') then 'auto_approved is not as its proposal says'
      end),
     (case when p.counted_at is null then 'its proposal was never counted' end),
     ((select string_agg(format('policy %s version %s is not in the history', k.key, v.version), '; ')
        from unnest(array['auto_approve', 'proposal_caps', 'worker_policy']) k (key)
       cross join lateral (select (p.policy_snapshot ->> k.key)::integer as version) v
       -- One that was set later did not decide.
       where exists (select from ops_policy_history h where h.key = k.key and h.updated_at <= p.approved_at)
         and not exists (select from ops_policy_history h where h.key = k.key and h.version = v.version)))) f (fault)
   where f.fault is not null;

  return query
  with counted as (
    select w.scope, w.window_start, k.cap
      from ops_mission_proposals p
      left join ops_policy_history h on h.key = 'proposal_caps' and h.version = (p.policy_snapshot ->> 'proposal_caps')::integer
     cross join lateral (
       values ('day', date_trunc('day', p.created_at at time zone 'UTC') at time zone 'UTC'),
              ('day:' || p.source, date_trunc('day', p.created_at at time zone 'UTC') at time zone 'UTC'),
              ('hour', date_trunc('hour', p.created_at at time zone 'UTC') at time zone 'UTC'),
              ('hour:' || p.source, date_trunc('hour', p.created_at at time zone 'UTC') at time zone 'UTC'))
       w (scope, window_start)
      left join lateral (
        select f.cap
          from _caps_in_force(h.value, p.source, p.created_at at time zone 'UTC') f
         where f.scope = w.scope) k on true
     where p.counted_at is not null and p.status <> 'rejected'
  ), windows as (
    select c.scope, c.window_start, count(*) as used, max(c.cap) as cap, bool_and(c.cap is not null) as capped
      from counted c
     group by c.scope, c.window_start
  )
  select '5 caps hold', format('%s from %s', w.scope, w.window_start), format('%s proposals under a cap of %s', w.used, w.cap)
    from windows w
   where w.capped and w.used > w.cap
  union all
  select '5 caps hold', format('%s from %s', n.scope, n.window_start),
         format('the counter says %s, but %s proposals count', n.used, coalesce(w.used, 0))
    from ops_cap_counters n
    left join windows w using (scope, window_start)
   where n.used <> coalesce(w.used, 0);
end;
$$;
