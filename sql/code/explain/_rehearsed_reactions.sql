create or replace function _rehearsed_reactions(
  p_since timestamptz,
  p_patterns jsonb,
  p_ids uuid[] default null,
  p_compared timestamptz[] default null
)
returns table (
  event_id uuid,
  pattern text,
  pattern_no integer,
  at timestamptz,
  template jsonb,
  fate text
)
language plpgsql
stable
set search_path from current
set enable_nestloop = off
set jit = off
as $$
-- Which of these patterns would have reacted to which events that were compared since p_since, or to these events
-- (p_ids, compared at p_compared), and what they would have proposed: by the routines that match events and fill
-- templates, in the order in which the events were compared. fate: failed where a placeholder has no value, repeats
-- where its dedupe key was proposed before, else null.
-- The planner knows nothing of the sizes of these sets: its joins are hashed, and events looked up one by one.
-- Locks: none. Writes: nothing. Raises: nothing for sound patterns.
declare
  c_batch constant integer := 10000;
  v_patterns constant jsonb := coalesce(nullif(p_patterns, 'null'), '[]');
  v_watched constant text[] := _watched_types(jsonb_build_object('patterns', v_patterns));
  v_ids uuid[] := p_ids;
  v_compared timestamptz[] := p_compared;
  v_found record;
  v_events uuid[] := '{}'::uuid[];
  v_nos integer[] := '{}'::integer[];
  v_ats timestamptz[] := '{}'::timestamptz[];
  v_fired timestamptz[];
  v_minutes double precision[];
  v_item record;
  v_kept boolean[] := '{}'::boolean[];
begin
  if p_ids is null then
    select coalesce(array_agg(e.id order by e.processed_at, e.ready_seq, e.id), '{}'),
           array_agg(e.processed_at order by e.processed_at, e.ready_seq, e.id)
      into v_ids, v_compared
      from ops_events e
     where e.processed_at >= p_since and e.type not like 'heartbeat:%' and e.type like any (v_watched);
  end if;
  for v_from in 1 .. cardinality(v_ids) by c_batch loop
    select array_agg(m.event_id order by m.ord) as events, array_agg(m.pattern_no order by m.ord) as nos,
           array_agg(e.at order by m.ord) as ats
      into v_found
      from _matching_patterns(v_ids[v_from:v_from + c_batch - 1], v_patterns, false)
           with ordinality m (event_id, pattern_no, depth, ord)
      join unnest(v_ids[v_from:v_from + c_batch - 1], v_compared[v_from:v_from + c_batch - 1]) e (id, at)
        on e.id = m.event_id;
    v_events := v_events || v_found.events;
    v_nos := v_nos || v_found.nos;
    v_ats := v_ats || v_found.ats;
  end loop;

  -- A pattern with a cooldown reacts once, then not until it has cooled down.
  select array_agg(coalesce((p.pattern ->> 'cooldown_minutes')::double precision, 0) order by p.no),
         array_agg((select max(r.created_at) from ops_agent_reactions r
                     where r.pattern = p.pattern ->> 'name' and r.created_at < p_since) order by p.no)
    into v_minutes, v_fired
    from jsonb_array_elements(v_patterns) with ordinality p (pattern, no);
  if 0 < any (v_minutes) then
    for v_item in select m.no, m.at from unnest(v_nos, v_ats) with ordinality m (no, at, ord) order by m.ord loop
      if v_minutes[v_item.no] = 0
         or coalesce(v_fired[v_item.no] + make_interval(secs => v_minutes[v_item.no] * 60) <= v_item.at, true) then
        v_fired[v_item.no] := v_item.at;
        v_kept := array_append(v_kept, true);
      else
        v_kept := array_append(v_kept, false);
      end if;
    end loop;
  end if;

  -- A template is filled once for all events that have the same values for it.
  return query
  with pattern as materialized (
    select p.no, p.pattern ->> 'name' as name, w.written, s.slots,
           array(select distinct r #>> '{}' from jsonb_path_query(s.slots, '$[*].segments[*].ref') r
                  where r #>> '{}' like 'event.%') as refs
      from jsonb_array_elements(v_patterns) with ordinality p (pattern, no)
     cross join lateral jsonb_build_object('template', p.pattern -> 'template', 'dedupe_key',
                                           p.pattern -> 'dedupe_key') w (written)
     cross join lateral _template_slots(w.written) s (slots)
  ), matched as materialized (
    select m.ord, m.event_id, m.no, m.at, coalesce(v.given, '') as given
      from unnest(v_events, v_nos, v_ats, v_kept) with ordinality m (event_id, no, at, is_kept, ord)
      join pattern p on p.no = m.no
      left join lateral (select t.id, t.type, t.data, t.mission_id, t.depth, t.created_at from ops_agent_events t
                          where t.id = m.event_id
                          union all
                         select t.id, t.type, t.data, t.mission_id, t.depth, t.created_at from _event(m.event_id) t
                          limit 1) e on p.refs <> '{}'
      left join lateral (
        select string_agg(coalesce((d.event #> (string_to_array(r.ref, '.'))[2:])::text, ''), E'\n' order by r.ref)
          from unnest(p.refs) r (ref)
         cross join (select jsonb_build_object('id', e.id, 'type', e.type, 'data', e.data, 'mission_id', e.mission_id,
                                               'depth', e.depth, 'created_at', e.created_at)) d (event)) v (given)
        on p.refs <> '{}'
     where m.is_kept is not false
  ), filled as materialized (
    select g.no, g.given, f.fault, case when p.slots = '[]' then p.written else f.payload end as payload
      from (select distinct on (m.no, m.given) m.no, m.given, m.event_id from matched m) g
      join pattern p on p.no = g.no
      left join lateral _fill_reaction(p.written, p.slots, g.event_id) f on p.slots <> '[]'
  ), made as materialized (
    select m.ord, m.event_id, p.name, m.no, m.at, f.fault, f.payload
      from matched m
      join pattern p on p.no = m.no
      join filled f on f.no = m.no and f.given = m.given
  )
  select m.event_id, m.name, m.no, m.at,
         case when m.fault is null and n.fate is null then m.payload -> 'template' end,
         case when m.fault is not null then 'failed' else n.fate end
    from (select m.*, m.payload ->> 'dedupe_key' as key,
                 row_number() over (partition by m.payload ->> 'dedupe_key', m.fault is null order by m.ord) as nth
            from made m) m
   cross join lateral (
     select case when m.key is not null and (m.nth > 1 or exists (
       select from ops_mission_proposals p
        where p.dedupe_key = m.key and p.source = 'trigger' and p.created_at < p_since)) then 'repeats' end as fate) n
   order by m.ord;
end;
$$;
