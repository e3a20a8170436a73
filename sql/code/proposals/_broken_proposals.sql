create or replace function _broken_proposals(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Proposals that were set to approved by hand, reactions with two proposals, cap counters that are not exact, and caps
-- that were exceeded: where every proposal of a window was counted under a cap, the window has no more proposals than
-- the highest of these caps. Reads the proposals with an id above p_after and up to p_upto; counters only of days and
-- hours that lie completely between these.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_first timestamptz;
  v_last timestamptz;
begin
  select min(p.created_at), max(p.created_at) into v_first, v_last
    from ops_mission_proposals p where p.id > p_after and p.id <= p_upto;
  -- A minute of tolerance: ids and times of concurrent proposals may be in different orders.
  v_first := case when exists (select from ops_mission_proposals p where p.id <= p_after)
    then v_first + interval '1 minute'
                  else '-infinity' end;
  v_last := case when exists (select from ops_mission_proposals p where p.id > p_upto) then v_last - interval '1 minute'
                 else 'infinity' end;

  return query
  select '5 every mission was approved', 'proposal ' || p.id::text,
         format('%s by hand: nobody''s decision is on record, and it has no mission', p.status)
    from ops_mission_proposals p
   where p.id > p_after and p.id <= p_upto and p.status in ('approved', 'auto_approved')
     and (p.approved_digest is null or p.approved_at is null or p.decided_login is null and p.decided_by is null)
     and not exists (select from ops_missions m where m.proposal_id = p.id);

  return query
  select '6 once each', 'reaction ' || p.reaction_id::text, format('%s proposals', count(*))
    from ops_mission_proposals p
   where p.id > p_after and p.id <= p_upto and p.reaction_id is not null
   group by p.reaction_id
  having count(*) > 1;

  return query
  with counted as (
    -- A proposal that waited for a cap was counted later than it was made, and may be outside of these ids.
    select w.scope, w.window_start, k.cap
      from ops_mission_proposals p
      left join ops_policy_history h on h.key = 'proposal_caps'
         and h.version = (p.policy_snapshot ->> 'proposal_caps')::integer
     cross join lateral (
       values ('day', date_trunc('day', p.counted_at at time zone 'UTC') at time zone 'UTC'),
              ('day:' || p.source, date_trunc('day', p.counted_at at time zone 'UTC') at time zone 'UTC'),
              ('hour', date_trunc('hour', p.counted_at at time zone 'UTC') at time zone 'UTC'),
              ('hour:' || p.source, date_trunc('hour', p.counted_at at time zone 'UTC') at time zone 'UTC'))
       w (scope, window_start)
      left join lateral (
        select f.cap
          from _caps_in_force(h.value, p.source, p.counted_at at time zone 'UTC') f
         where f.scope = w.scope) k on true
     where p.counted_at is not null and p.status <> 'rejected'
       -- A window of a moment that was written by hand may have no end.
       and p.created_at between '2000-01-01 00:00+00' and '9999-12-31 00:00+00'
       and p.counted_at between '2000-01-01 00:00+00' and '9999-12-31 00:00+00'
       and ((p.id > p_after and p.id <= p_upto)
            or (p.counted_at between v_first and v_last and p.counted_at > p.created_at + interval '1 minute'))
  ), windows as (
    select c.scope, c.window_start, count(*) as used, max(c.cap) as cap, bool_and(c.cap is not null) as capped
      from counted c
     group by c.scope, c.window_start
  )
  select '5 caps hold', format('%s from %s', w.scope, w.window_start),
    format('%s proposals under a cap of %s', w.used, w.cap)
    from windows w
   where w.capped and w.used > w.cap
  union all
  select '5 caps hold', format('%s from %s', n.scope, n.window_start),
         format('the counter says %s, but %s proposals count', n.used, coalesce(w.used, 0))
    from ops_cap_counters n
    left join windows w using (scope, window_start)
   where n.window_start >= v_first
     and least(n.window_start, '9999-12-31 00:00+00') + ('1 ' || split_part(n.scope, ':', 1))::interval <= v_last
     and n.used <> coalesce(w.used, 0);
end;
$$;
