create or replace function fn_radar_upsert(p_ideas jsonb)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Puts ideas on the demand radar, or updates them by title; fields that are not given stay. Returns how many.
-- Locks: rows of ops_demand_radar by title. Writes: ops_demand_radar. Raises: OP018 for a malformed batch, OP041, OP045
-- for one that is too large.
declare
  v_now timestamptz := _now();
  v_count integer;
  v_fault text;
  v_moved jsonb;  -- the titles that come with a status, as keys: looked up fast, however many they are
begin
  v_fault := case
    when jsonb_typeof(p_ideas) is distinct from 'array'
         then format(' must be a list, not %s', coalesce(left(p_ideas::text, 80), 'null'))
    else (select format('[%s]%s', e.nth - 1, f.fault)
            from jsonb_array_elements(case when jsonb_typeof(p_ideas) = 'array' then p_ideas else '[]' end)
                 with ordinality e (idea, nth)
           cross join lateral (select case
             when jsonb_typeof(e.idea) <> 'object' then format(' must be an object, not %s', left(e.idea::text, 80))
             when coalesce(length(e.idea ->> 'title'), 0) not between 1 and 500
                  then format('.title must be a text of 1 to 500 characters, not %s',
                              coalesce(left((e.idea -> 'title')::text, 80), 'null'))
             when coalesce(e.idea ->> 'status', 'watching') not in ('watching', 'validating', 'building', 'shipped')
                  then format('.status must be one of watching, validating, building, shipped, not %s',
                              left((e.idea -> 'status')::text, 80))
             when jsonb_typeof(e.idea -> 'score') not in ('number', 'null')
                  then format('.score must be a number, not %s', left((e.idea -> 'score')::text, 80)) end) f (fault)
           where f.fault is not null
           order by e.nth
           limit 1) end;
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_ideas' || v_fault,
      detail = format('got: %s', left(p_ideas::text, 500)),
      hint = 'Give [{"title": "…", "status": "watching|validating|building|shipped", "score": 1.5, …}], each title of '
             '500 characters at most. Nothing was changed.';
  end if;
  perform _assert_readable('p_ideas', p_ideas);
  perform _check_batch('p_ideas', p_ideas, 'evidence', 'payload_bytes');
  select coalesce(jsonb_object_agg(i ->> 'title', true), '{}') into v_moved
    from jsonb_array_elements(p_ideas) i
   where i ? 'status';
  insert into ops_demand_radar as d (id, title, description, status, score, source, evidence, created_at, updated_at)
  select _uuid_v7(), i.title, i.description, coalesce(i.status, 'watching'), i.score, i.source,
    coalesce(i.evidence, '{}'), v_now, v_now
    from (select distinct on (x.title) x.*
            from jsonb_to_recordset(p_ideas) x (title text, description text, status text, score numeric, source text,
                                                evidence jsonb)) i
   order by i.title
  on conflict (title) do update
    set description = coalesce(excluded.description, d.description),
        status = case when v_moved ? d.title then excluded.status else d.status end,
        score = coalesce(excluded.score, d.score), source = coalesce(excluded.source, d.source),
        evidence = d.evidence || excluded.evidence, updated_at = v_now;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function fn_radar_upsert(jsonb) is
  'Puts ideas [{"title", "description", "status", "score", "source", "evidence"}] on the demand radar or updates them '
  'by title; returns how many. OPS_018 for a malformed batch, OPS_045 for one that is too large.';
