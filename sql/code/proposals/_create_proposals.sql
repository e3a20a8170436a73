create or replace function _create_proposals(p_proposals jsonb)
returns table (ord bigint, proposal_id uuid, is_new boolean)
language plpgsql
set search_path from current
as $$
-- Stores proposals whose templates are known to be sound, and gates the new ones. p_proposals: array of {template,
-- slots, source, dedupe_key, event_id, reaction_id, depth}. A dedupe key seen before gives the first proposal; keys
-- are inserted in order, so that racing batches wait for each other and never deadlock.
-- Locks: the unique index of dedupe_key, cap counters. Writes: ops_mission_proposals and what the gate writes.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
  v_new uuid[];
begin
  with given as materialized (
    select e.ord, e.p, coalesce(e.p -> 'slots', '[]') as slots
      from jsonb_array_elements(p_proposals) with ordinality e (p, ord)
  ), stored as (
    insert into ops_mission_proposals (
      id, dedupe_key, source, event_id, reaction_id, title, priority, depth, template, slots, template_digest,
      created_at, updated_at)
    select _uuid_v7(), g.p ->> 'dedupe_key', g.p ->> 'source', (g.p ->> 'event_id')::uuid, (g.p ->> 'reaction_id')::uuid,
           g.p -> 'template' ->> 'title', coalesce((g.p -> 'template' ->> 'priority')::smallint, 0::smallint),
           coalesce((g.p ->> 'depth')::integer, 0), g.p -> 'template', g.slots,
           _digest(jsonb_build_array(g.p -> 'template', g.slots)), v_now, v_now
      from given g
     order by g.p ->> 'dedupe_key' nulls first, g.ord
    on conflict (dedupe_key) where dedupe_key is not null do nothing
    returning id
  )
  select coalesce(array_agg(s.id), '{}') into v_new from stored s;

  perform _gate_proposals(v_new);

  -- Rows without a dedupe key are all new and were numbered in the order given; the others are found by their key.
  return query
  with given as (
    select e.ord, e.p ->> 'dedupe_key' as dedupe_key,
           row_number() over (partition by e.p ->> 'dedupe_key' is null order by e.ord) as nth
      from jsonb_array_elements(p_proposals) with ordinality e (p, ord)
  ), unnamed as (
    select p.id, row_number() over (order by n.ord) as nth
      from unnest(v_new) with ordinality n (id, ord)
      join ops_mission_proposals p on p.id = n.id and p.dedupe_key is null
  )
  select g.ord, coalesce(u.id, p.id),
         coalesce(u.id, p.id) = any (v_new)
         and g.ord = min(g.ord) over (partition by coalesce(u.id, p.id))
    from given g
    left join unnamed u on g.dedupe_key is null and u.nth = g.nth
    left join ops_mission_proposals p on p.dedupe_key = g.dedupe_key
   order by g.ord;
end;
$$;
