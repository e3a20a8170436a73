create or replace function _set_values(p_document jsonb, p_values jsonb, p_depth integer default 0)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- A document with values put at paths that exist in it: p_values = [{"path": [...], "value": ...}]. A few values are
-- set one after the other. Many are first grouped by branch of the document, because each single change copies the
-- whole document; but no deeper than 100 levels, as each (p_depth) takes room on the stack of the server.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_document jsonb := p_document;
  v_value jsonb;
  v_branches jsonb;
begin
  if jsonb_array_length(p_values) <= 4 or p_depth >= 100 then
    for v_value in select e from jsonb_array_elements(p_values) e loop
      v_document := case v_value -> 'path'
        when '[]' then v_value -> 'value'
        else jsonb_set(v_document, array(select jsonb_array_elements_text(v_value -> 'path')), v_value -> 'value',
                       false) end;
    end loop;
    return v_document;
  end if;

  -- By key, not by a join: claims run with all joins but nested loops off.
  select jsonb_object_agg(b.name, b.inner_values) into v_branches
    from (select e -> 'path' ->> 0 as name, jsonb_agg(jsonb_set(e, '{path}', (e -> 'path') - 0)) as inner_values
            from jsonb_array_elements(p_values) e
           group by 1) b;
  return case jsonb_typeof(p_document)
    when 'array' then
      (select jsonb_agg(case when v_branches ? (e.ordinality - 1)::text
                               then _set_values(e.value, v_branches -> (e.ordinality - 1)::text, p_depth + 1)
                             else e.value end
                        order by e.ordinality)
         from jsonb_array_elements(p_document) with ordinality e)
    else
      p_document || (select jsonb_object_agg(b.key, _set_values(p_document -> b.key, b.value, p_depth + 1))
                       from jsonb_each(v_branches) b) end;
end;
$$;
