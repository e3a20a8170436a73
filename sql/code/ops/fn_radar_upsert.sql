create or replace function fn_radar_upsert(p_ideas jsonb)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Puts ideas on the demand radar, or updates them by title; fields that are not given stay. Returns how many.
-- Locks: rows of ops_demand_radar by title. Writes: ops_demand_radar. Raises: OP018 for a malformed batch.
declare
  v_now timestamptz := _now();
  v_count integer;
begin
  if jsonb_typeof(p_ideas) is distinct from 'array' or exists (
       select from jsonb_array_elements(case when jsonb_typeof(p_ideas) = 'array' then p_ideas else '[]' end) i
        where jsonb_typeof(i) <> 'object' or coalesce(i ->> 'title', '') = ''
           or coalesce(i ->> 'status', 'watching') not in ('watching', 'validating', 'building', 'shipped')
           or (i ? 'score' and jsonb_typeof(i -> 'score') not in ('number', 'null'))) then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_ideas is not a list of ideas',
      detail = format('got: %s', left(p_ideas::text, 500)),
      hint = 'Give [{"title": "…", "status": "watching|validating|building|shipped", "score": 1.5, …}]. Nothing was '
             'changed.';
  end if;
  insert into ops_demand_radar as d (id, title, description, status, score, source, evidence, created_at, updated_at)
  select _uuid_v7(), i.title, i.description, coalesce(i.status, 'watching'), i.score, i.source,
    coalesce(i.evidence, '{}'), v_now, v_now
    from (select distinct on (x.title) x.*
            from jsonb_to_recordset(p_ideas) x (title text, description text, status text, score numeric, source text,
                                                evidence jsonb)) i
   order by i.title
  on conflict (title) do update
    set description = coalesce(excluded.description, d.description),
        status = case when exists (select from jsonb_array_elements(p_ideas) g
                                    where g ->> 'title' = d.title
                                       and g ? 'status') then excluded.status else d.status end,
        score = coalesce(excluded.score, d.score), source = coalesce(excluded.source, d.source),
        evidence = d.evidence || excluded.evidence, updated_at = v_now;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function fn_radar_upsert(jsonb) is
  'Puts ideas [{"title", "description", "status", "score", "source", "evidence"}] on the demand radar or updates them '
  'by title; returns how many. OPS_018 for a malformed batch.';
