create or replace function _path_text(p_path text[])
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A path into a document in the usual notation: steps[0].params.args[1].
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select coalesce(regexp_replace(
            string_agg(case when k.name ~ '^[0-9]+$' then format('[%s]', k.name) else '.' || k.name end, ''
                       order by k.no),
            E'^\\.', ''), '')
            from unnest(p_path) with ordinality k (name, no));
end;
$$;
