create or replace function _schema_faults(p_path text, p_value jsonb, p_schema jsonb, p_defs jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a value by a JSON Schema, each beginning with its path under p_path, all up to the first thousand; an
-- empty array when it is sound. Of JSON Schema 2020-12 it knows type, enum, minimum, maximum, minLength, maxLength,
-- pattern, format regex, items, minItems, maxItems, properties, required, additionalProperties, propertyNames, anyOf
-- (the first that has the type of the value), not {} and $ref to p_defs; a name that p_defs lacks is checked elsewhere.
-- It is stricter in two points: 3.0 is no integer, and numbers are 0 or at least 1e-300 away from it, as readers cast
-- them. errorMessage is the text of a fault instead, for the whole schema or by keyword.
-- Locks: none. Writes: nothing. Raises: nothing, whatever the JSON.
declare
  c_texts constant jsonb := '{"type": "string", "minLength": 1}';
  v_schema jsonb := p_schema;
  v_is constant text := jsonb_typeof(p_value);
  v_types jsonb;
  v_type text;
  v_branch jsonb;
  v_said text;
  v_faults text[] := '{}'::text[];
  v_known jsonb;
  v_item record;
begin
  while v_schema ? '$ref' loop
    v_branch := p_defs -> split_part(v_schema ->> '$ref', '/', 3);
    if v_branch is null then
      return '{}'::text[];
    end if;
    v_schema := v_branch || (v_schema - '$ref');
  end loop;
  if v_schema ? 'not' then
    return array[format('%s: %s', p_path, v_schema ->> 'errorMessage')];
  end if;
  v_said := case jsonb_typeof(v_schema -> 'errorMessage') when 'string' then v_schema ->> 'errorMessage' end;

  if v_schema ? 'anyOf' then
    for v_item in select e as branch from jsonb_array_elements(v_schema -> 'anyOf') e loop
      v_branch := v_item.branch;
      while v_branch ? '$ref' and p_defs ? split_part(v_branch ->> '$ref', '/', 3) loop
        v_branch := p_defs -> split_part(v_branch ->> '$ref', '/', 3);
      end loop;
      v_types := v_branch -> 'type';
      if v_types ? v_is or (v_is = 'number' and v_types ? 'integer') then
        v_faults := _schema_faults(p_path, p_value, v_branch, p_defs);
        return case when v_faults = '{}' or v_said is null then v_faults
                    else array[format('%s: %s, not %s', p_path, v_said, left(p_value::text, 80))] end;
      end if;
    end loop;
    return case when v_said is null then _schema_faults(p_path, p_value, v_schema -> 'anyOf' -> 0, p_defs)
                else array[format('%s: %s, not %s', p_path, v_said, left(p_value::text, 80))] end;
  end if;

  v_types := coalesce(v_schema -> 'type', case when v_schema ? 'enum' then jsonb '"string"' end);
  if v_types is null then
    return '{}'::text[];
  end if;
  if v_is = 'null' then
    return case when v_types ? 'null' or jsonb_path_exists(v_schema, '$.enum[*] ? (@ == null)') then '{}'::text[]
                else array[p_path || ': must not be null; leave it out'] end;
  end if;
  v_type := case jsonb_typeof(v_types) when 'array' then v_types ->> 0 else v_types #>> '{}' end;
  case v_type
    when 'boolean' then
      v_faults := _field_fault(p_path, p_value, 'true or false');
    when 'integer', 'number' then
      v_faults := _field_fault(p_path, p_value, case v_type when 'integer' then 'whole number' else 'number' end,
                               coalesce((v_schema ->> 'minimum')::numeric, -2147483648),
                               coalesce((v_schema ->> 'maximum')::numeric, 2147483647));
      if v_is = 'number' and p_value::numeric < (v_schema ->> 'minimum')::numeric
         and v_schema -> 'errorMessage' ? 'minimum' then
        v_faults := array[format('%s: %s', p_path, v_schema -> 'errorMessage' ->> 'minimum')];
      end if;
    when 'string' then
      if v_schema ? 'enum' then
        v_faults := _field_fault(p_path, p_value, (
          select string_agg(e #>> '{}', '|' order by o)
            from jsonb_array_elements(v_schema -> 'enum') with ordinality n (e, o)
           where e <> 'null'));
      elsif v_schema ->> 'format' = 'regex' then
        v_faults := _regex_fault(p_path, p_value);
      else
        v_faults := case when v_is <> 'string' or v_schema ?| array['minLength', 'maxLength']
                         then _field_fault(p_path, p_value, 'text', coalesce((v_schema ->> 'minLength')::integer, 0),
                                           coalesce((v_schema ->> 'maxLength')::integer, 10000)) else '{}'::text[] end;
        -- The value is not shown: it can be an address with a password.
        if v_schema ? 'pattern' and v_faults = '{}' and (p_value #>> '{}') !~ (v_schema ->> 'pattern') then
          v_faults := array[format('%s: %s', p_path, coalesce(v_said, v_schema -> 'errorMessage' ->> 'pattern',
                                                              'must match ' || (v_schema ->> 'pattern')))];
        elsif v_faults <> '{}' and v_said is not null then
          v_faults := array[format('%s: %s', p_path, v_said)];
        end if;
        v_said := null;
      end if;
    when 'array' then
      if v_schema -> 'items' = c_texts then
        v_faults := _field_fault(p_path, p_value, 'texts');
      elsif v_is <> 'array' then
        v_faults := _field_fault(p_path, p_value, 'array');
      else
        for v_item in select e as value, o - 1 as no from jsonb_array_elements(p_value) with ordinality n (e, o) loop
          exit when cardinality(v_faults) > 1000;
          v_faults := v_faults || _schema_faults(format('%s[%s]', p_path, v_item.no), v_item.value,
                                                 v_schema -> 'items', p_defs);
        end loop;
      end if;
      if v_is = 'array' and jsonb_array_length(p_value) not between coalesce((v_schema ->> 'minItems')::integer, 0)
                                                            and coalesce((v_schema ->> 'maxItems')::integer, 2147483647)
      then
        v_faults := v_faults || format('%s: must hold %s to %s entries, not %s', p_path,
                                       coalesce(v_schema ->> 'minItems', '0'),
                                       coalesce(v_schema ->> 'maxItems', 'any number of'), jsonb_array_length(p_value));
      end if;
    when 'object' then
      if v_is <> 'object' then
        v_faults := case when v_schema -> 'errorMessage' ? 'type'
                         then array[format('%s: %s', p_path, v_schema -> 'errorMessage' ->> 'type')]
                         else _field_fault(p_path, p_value, 'object') end;
      else
        v_known := coalesce(v_schema -> 'properties', '{}');
        if v_schema -> 'additionalProperties' = 'false' then
          -- A misspelt field must not pass for an absent one.
          v_faults := _unknown_field_faults(p_path, p_value, array(
            select k.key from jsonb_each(v_known) k
             where not k.value ? 'not' or p_value ? k.key
             order by k.value ? 'not', k.key collate "C"));
        end if;
        v_faults := v_faults || _missing_field_faults(p_path, p_value, array(
          select jsonb_array_elements_text(v_schema -> 'required')));
        for v_item in
          select e.key, e.value, concat_ws('.', nullif(p_path, ''), left(e.key, 200)) as path,
                 coalesce(v_known -> e.key, v_schema -> 'additionalProperties') as schema
            from jsonb_each(p_value) e
           where v_known ? e.key or jsonb_typeof(v_schema -> 'additionalProperties') = 'object'
        loop
          exit when cardinality(v_faults) > 1000;
          if v_schema ? 'propertyNames' and v_item.key !~ (v_schema -> 'propertyNames' ->> 'pattern') then
            v_faults := v_faults || format('%s: %s', v_item.path, v_schema -> 'propertyNames' ->> 'errorMessage');
          end if;
          continue when v_item.value = 'null' and coalesce(v_schema -> 'required' ? v_item.key, false);
          v_faults := v_faults || _schema_faults(v_item.path, v_item.value, v_item.schema, p_defs);
        end loop;
      end if;
    else
      null;
  end case;
  return case when v_faults = '{}' or v_said is null then v_faults
              else array[format('%s: %s, not %s', p_path, v_said, left(p_value::text, 80))] end;
end;
$$;
