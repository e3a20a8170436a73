create or replace function _number_fault(p_path text, p_document jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- Where a document has a number that readers of JSON cannot hold: beyond ±1.797e308, the range of a double, although
-- jsonb takes it. Names the first one by its path under p_path and says what to do; null when there is none.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_beyond constant jsonpath := jsonpath
    'strict $.** ? (@.type() == "number" && (@ > 1.797693134862315e308 || @ < -1.797693134862315e308))';
  v_path text[] := array[p_path];
  v_here jsonb := p_document;
  v_name text;
begin
  if _has_long_number(p_document::text) is not true or not jsonb_path_exists(p_document, c_beyond) then
    return null;
  end if;
  while jsonb_typeof(v_here) in ('object', 'array') loop
    if jsonb_typeof(v_here) = 'object' then
      select e.key, e.value into v_name, v_here
        from jsonb_each(v_here) e where jsonb_path_exists(e.value, c_beyond) order by e.key limit 1;
    else
      select (e.ord - 1)::text, e.value into v_name, v_here
        from jsonb_array_elements(v_here) with ordinality e (value, ord)
       where jsonb_path_exists(e.value, c_beyond) order by e.ord limit 1;
    end if;
    v_path := v_path || v_name;
  end loop;
  return format('%s: a number of %s digits, which readers of JSON cannot hold (at most 1.797e308 either way); give it '
                'as a text', _path_text(array_remove(v_path, '')), length(split_part(v_here::text, '.', 1)));
end;
$$;
