create or replace function _placeholders(p_document jsonb)
returns table (path text[], in_name boolean, lits text[], refs text[])
language plpgsql
immutable
set search_path from current
as $$
-- Every text in a document that holds {{: where it stands, its literal parts and, between them, what its placeholders
-- refer to (one less than the parts). in_name: the text is the name of a field. A {{ that opens no placeholder stays
-- in its literal part.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if strpos(p_document::text, '{{') = 0 then
    return;
  end if;
  return query
  with recursive node (path, in_name, value) as (
    select '{}'::text[], false, p_document
    union all
    select n.path || c.name, c.in_name, c.value
      from node n
     cross join lateral (
       select o.key as name, false as in_name, o.value
         from jsonb_each(case jsonb_typeof(n.value) when 'object' then n.value else '{}' end) o
        where strpos(o.value::text, '{{') > 0
       union all
       select o.key, true, to_jsonb(o.key)
         from jsonb_object_keys(case jsonb_typeof(n.value) when 'object' then n.value else '{}' end) o (key)
        where strpos(o.key, '{{') > 0
       union all
       select (e.ordinality - 1)::text, false, e.value
         from jsonb_array_elements(case jsonb_typeof(n.value) when 'array' then n.value else '[]' end) with ordinality e
        where strpos(e.value::text, '{{') > 0
     ) c
     where not n.in_name
  )
  select n.path, n.in_name,
         regexp_split_to_array(n.value #>> '{}', '\{\{[^{}]*\}\}'),
         array(select btrim(m[1], E' \t\r\n') from regexp_matches(n.value #>> '{}', '\{\{([^{}]*)\}\}', 'g') m)
    from node n
   where jsonb_typeof(n.value) = 'string';
end;
$$;
