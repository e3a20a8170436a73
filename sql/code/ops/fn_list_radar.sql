create or replace function fn_list_radar(p_limit integer default 20, p_status text default null)
returns table (
  title text,
  description text,
  status text,
  score numeric,
  source text,
  evidence jsonb,
  created_at timestamptz,
  updated_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The board of ideas for people and agents to read: the most promising first, those without a score last. It reads the
-- whole board: nothing bounds its length.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or status that cannot be.
begin
  perform _check_list(p_limit, p_status, array['watching', 'validating', 'building', 'shipped']);
  return query
  select d.title, d.description, d.status, d.score, d.source, d.evidence, d.created_at, d.updated_at
    from ops_demand_radar d
   where p_status is null or d.status = p_status
   order by d.score desc nulls last, d.updated_at desc, d.title
   limit p_limit;
end;
$$;
comment on function fn_list_radar(integer, text) is
  'Lists up to p_limit (1 to 1000) ideas of the demand radar, highest score first; p_status null means any.';
