create or replace function _field_fault(
  p_path text,
  p_value jsonb,
  p_rule text,
  p_min numeric default null,
  p_max numeric default null
)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The fault of one optional field; an empty array when it is absent, null or as the rule says. Rules: text, name
-- (letters, digits and _.:-), object, array, true or false, whole number, number, texts (an array), text or texts, or
-- the permitted words separated by |. p_min and p_max bound the length of a text, or a number, which needs both.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_type text := jsonb_typeof(p_value);
  v_text text := p_value #>> '{}';
  v_ok boolean;
  v_tiny boolean := false;
  v_should text := p_rule;
begin
  if v_type is null or v_type = 'null' then
    return '{}'::text[];
  end if;
  case p_rule
    when 'text' then
      v_ok := v_type = 'string' and length(v_text) between coalesce(p_min, 0) and coalesce(p_max, 10000);
      v_should := format('a text of %s to %s characters', coalesce(p_min, 0), coalesce(p_max, 10000));
    when 'name' then
      v_ok := v_type = 'string' and v_text ~ '^[A-Za-z0-9_.:-]{1,128}$';
      v_should := 'a name of 1 to 128 letters, digits and _.:-';
    when 'object' then
      v_ok := v_type = 'object';
      v_should := 'an object';
    when 'array' then
      v_ok := v_type = 'array';
      v_should := 'an array';
    when 'true or false' then
      v_ok := v_type = 'boolean';
    when 'whole number', 'number' then
      -- 3.0 is no whole number here: readers cast the text to integer.
      if v_type = 'number' then
        v_ok := p_value::numeric between p_min and p_max and (p_rule = 'number' or v_text ~ '^-?[0-9]+$');
        -- Readers cast to double precision, which has no smaller ones.
        v_tiny := v_ok and p_value::numeric <> 0 and abs(p_value::numeric) < 1e-300;
      end if;
      v_ok := v_ok and not v_tiny;
      v_should := format('a %s from %s to %s%s', p_rule, p_min, p_max,
                         case when v_tiny then ', 0 or at least 1e-300 away from it' end);
    when 'texts', 'text or texts' then
      v_ok := (v_type = 'string' and p_rule = 'text or texts' and v_text <> '')
              or (v_type = 'array' and not jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "string" || @ == "")',
                                                             '{}', true));
      v_should := case p_rule when 'texts' then 'an array of texts' else 'a text or an array of texts' end;
    else
      v_ok := v_type = 'string' and v_text = any (string_to_array(p_rule, '|'));
      v_should := 'one of ' || replace(p_rule, '|', ', ');
  end case;
  if v_ok then
    return '{}'::text[];
  end if;
  return array[format('%s: must be %s, not %s', p_path, v_should, left(p_value::text, 80))];
end;
$$;
