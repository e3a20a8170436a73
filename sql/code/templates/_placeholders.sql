create or replace function _placeholders(p_document jsonb)
returns table (path text[], in_name boolean, lits text[], refs text[])
language plpgsql
immutable
set search_path from current
as $$
-- Every text in a document that contains {{: its path, its literal parts, and what the placeholders between them refer
-- to (one fewer than the parts). in_name: the text is the name of a field. A {{ that opens no placeholder stays in its
-- literal part.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if strpos(p_document::text, '{{') = 0 then
    return;
  end if;
  return query
  with recursive node (path, in_name, value) as (
    select '{}'::text[], false, p_document
    union all
    select n.path || c.name, c.in_name, case when c.in_name then to_jsonb(c.name) else c.value end
      from node n
     cross join lateral (
       select o.key as name, o.value, k.in_name
         from jsonb_each(case jsonb_typeof(n.value) when 'object' then n.value else '{}' end) o
        cross join (values (false), (true)) k (in_name)
        where strpos(case when k.in_name then o.key else o.value::text end, '{{') > 0
       union all
       select (e.ordinality - 1)::text, e.value, false
         from jsonb_array_elements(case jsonb_typeof(n.value) when 'array' then n.value else '[]' end) with ordinality e
        where strpos(e.value::text, '{{') > 0
     ) c
     where jsonb_typeof(n.value) in ('object', 'array')
  )
  select n.path, n.in_name,
         regexp_split_to_array(n.value #>> '{}', E'\\{\\{[^{}]*\\}\\}'),
         array(select btrim(m[1], E' \t\r\n') from regexp_matches(n.value #>> '{}', E'\\{\\{([^{}]*)\\}\\}', 'g') m)
    from node n
   where jsonb_typeof(n.value) = 'string';
end;
$$;
