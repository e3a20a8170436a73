create or replace function _loosened(p_path text, p_before jsonb, p_after jsonb, p_schema jsonb, p_defs jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The paths at which a change of a policy document lets more run, by what its schema says of each field: x-loosens
-- greater or less (a number, or the place in its enum), true or false, added or removed (an entry), changed (anything),
-- never; a field without it is judged by what stands within. A field that is left out has its default; without one it
-- is no limit, or every value there is, and where x-absent says unknown, to set it or leave it out lets more run.
-- Locks: none. Writes: nothing. Raises: nothing for sound documents.
declare
  v_schema jsonb := p_schema;
  v_before jsonb := nullif(p_before, 'null');
  v_after jsonb := nullif(p_after, 'null');
  v_how text;
  v_found text[] := '{}';
  v_item record;
begin
  while v_schema ? '$ref' loop
    v_schema := p_defs -> split_part(v_schema ->> '$ref', '/', 3) || (v_schema - '$ref');
  end loop;
  v_how := v_schema ->> 'x-loosens';
  if v_before is not distinct from v_after or v_how = 'never' then
    return v_found;
  end if;
  if v_how = 'changed'
     or v_schema ->> 'x-absent' = 'unknown' and (v_before is null or v_after is null)
        and coalesce(v_before, v_after) <> '[]' then
    return array[p_path];
  end if;
  v_before := coalesce(v_before, v_schema -> 'default');
  v_after := coalesce(v_after, v_schema -> 'default');

  if v_how in ('true', 'false') then
    return case when v_after::text = v_how and v_before <> v_after then array[p_path] else v_found end;
  end if;
  if v_how in ('greater', 'less') then
    if v_schema ? 'enum' then
      v_before := (select to_jsonb(e.no) from jsonb_array_elements(v_schema -> 'enum') with ordinality e (word, no)
                    where e.word = v_before);
      v_after := (select to_jsonb(e.no) from jsonb_array_elements(v_schema -> 'enum') with ordinality e (word, no)
                   where e.word = v_after);
    end if;
    return case when v_how = case when coalesce(v_after::numeric, 'infinity') > coalesce(v_before::numeric, 'infinity')
                                    then 'greater'
                                  when coalesce(v_after::numeric, 'infinity') < coalesce(v_before::numeric, 'infinity')
                                    then 'less' end
                then array[p_path] else v_found end;
  end if;
  if v_how is null and v_schema ? 'anyOf' then
    -- Two forms of a field are not compared with each other.
    if jsonb_typeof(v_before) <> jsonb_typeof(v_after) then
      return array[p_path];
    end if;
    return _loosened(p_path, v_before, v_after, (
      select f.branch
        from jsonb_array_elements(v_schema -> 'anyOf') f (branch)
       where (f.branch ? '$ref') = (jsonb_typeof(coalesce(v_after, v_before)) = 'object')
       limit 1), p_defs);
  end if;
  if jsonb_typeof(coalesce(v_before, v_after)) <> 'object' then
    return _loosened_list(p_path, v_before, v_after, v_schema, p_defs);
  end if;

  if v_before is null and v_how is not null or v_after is null and v_how is not null then
    return case when (v_how = 'added') = (v_before is null) then array[p_path] else v_found end;
  end if;
  for v_item in
    select concat_ws('.', nullif(p_path, ''), left(k.key, 200)) as path, v_before -> k.key as before,
           v_after -> k.key as after, v_schema -> 'properties' ? k.key as is_field,
           coalesce(v_schema -> 'properties' -> k.key, v_schema -> 'additionalProperties') as schema
      from (select b.key from jsonb_object_keys(v_before) b (key)
            union select a.key from jsonb_object_keys(v_after) a (key)) k
     order by k.key
  loop
    -- An entry of a map, or a field of the team's own.
    if v_item.is_field is not true and (v_item.before is null or v_item.after is null)
       and (v_how is not null or v_item.schema is null) then
      continue when coalesce(v_how, 'added') = case when v_item.before is null then 'removed' else 'added' end;
      v_found := v_found || v_item.path;
    elsif v_item.schema is null then
      continue when v_item.before = v_item.after;
      v_found := v_found || v_item.path;
    else
      v_found := v_found || _loosened(v_item.path, v_item.before, v_item.after, v_item.schema, p_defs);
    end if;
  end loop;
  return v_found;
end;
$$;
