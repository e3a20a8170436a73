create or replace function _recorded_decisions(
  p_since timestamptz,
  p_until timestamptz,
  p_matrix jsonb,
  p_ids uuid[] default null,
  p_compared timestamptz[] default null
)
returns table (
  proposal_id uuid,
  event_id uuid,
  pattern text,
  pattern_no integer,
  source text,
  at timestamptz,
  released_at timestamptz,
  template jsonb,
  old text,
  fate text
)
language plpgsql
stable
set search_path from current
set enable_nestloop = off
set jit = off
as $$
-- The decisions from p_since until before p_until: the proposals and what the gate made of them when they were made
-- (old). p_matrix: a document reaction_matrix; then proposals of reactions are left out, and event × pattern, of what
-- is recorded and of what p_matrix would make, stands in their place: of what was compared since p_since, whenever it
-- was decided, or of these events (p_ids, compared at p_compared). template: what is to be
-- judged; null where fate says what becomes of it without. released_at: when a person rejected it, and so freed its
-- room under the caps.
-- Locks: none. Writes: nothing. Raises: nothing for a sound document.
begin
  return query
  with proposal as materialized (
    select p.id, p.event_id, p.reaction_id, p.source, p.created_at, p.template, p.template_digest, p.slots,
           case when p.status = 'rejected' and p.decided_by = 'policy' then 'rejected'
                when p.counted_at is null or p.counted_at > p.created_at then 'waits'
                when p.status = 'auto_approved' then 'auto_approved'
                else 'pending' end as old,
           case when p.status = 'rejected' and p.decided_by <> 'policy' then p.updated_at end as released_at
      from (select t.* from ops_mission_proposals t where t.created_at >= p_since and t.created_at < p_until
            union all
            -- Events are compared, and reactions proposed, later than they are made.
            select t.*
              from ops_agent_reactions r
              join ops_mission_proposals t on t.reaction_id = r.id and t.created_at >= p_until
             where r.event_id = any (p_ids)) p
  ), known as materialized (
    -- Where the template was changed by hand, the one that the gate judged is not known.
    select t.text, t.slots, _template_digest(t.text::jsonb, t.slots) as digest
      from (select distinct p.template::text as text, p.slots from proposal p) t
  ), judged as (
    select p.*, k.digest is distinct from p.template_digest as is_changed
      from proposal p
      join known k on k.text = p.template::text and k.slots = p.slots
  ), reacting as materialized (
    select m.* from _rehearsed_reactions(p_since, p_matrix -> 'patterns', p_ids, p_compared) m
     where p_matrix is not null
  )
  select j.id, j.event_id, null::text, 0, j.source, j.created_at, j.released_at,
         case when not j.is_changed then j.template end, j.old, case when j.is_changed then 'unknown' end
    from judged j
   where p_matrix is null or j.source <> 'trigger'
  union all
  select o.proposal_id, coalesce(o.event_id, m.event_id), coalesce(o.pattern, m.pattern), coalesce(m.pattern_no, 0),
         'trigger', coalesce(m.at, o.at), o.released_at, m.template, coalesce(o.old, 'none'),
         case when m.event_id is not null then m.fate when o.is_kept then 'none' else 'unknown' end
    from (select r.event_id, r.pattern, r.created_at as at, j.id as proposal_id, j.released_at,
                 e.id is not null as is_kept,
                 case when r.status = 'failed' then 'failed' when j.id is not null then j.old
                      when r.status = 'done' then 'repeats' else 'unknown' end as old
            from (select t.* from ops_agent_reactions t
                   where t.created_at >= p_since and p_matrix is not null and p_ids is null
                  union all
                  select t.* from ops_agent_reactions t where t.event_id = any (p_ids)) r
            left join judged j on j.reaction_id = r.id
            left join lateral (select t.id from ops_agent_events t where t.id = r.event_id limit 1) e on true) o
    full join reacting m on m.event_id = o.event_id and m.pattern = o.pattern;
end;
$$;
