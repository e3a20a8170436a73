create or replace function _approval_group_fault(p_path text, p_value jsonb, p_groups jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The fault of a field of approval_rules that names a group; an empty array when it is absent, or names one of
-- p_groups. (Rules may also name *, which stands for anybody who may decide.)
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_value) = 'string' and p_groups ? (p_value #>> '{}') then
    return '{}'::text[];
  end if;
  return _field_fault(p_path, p_value, 'text', 1, 128)
         || case when jsonb_typeof(p_value) = 'string'
                 then array[format('%s: there is no group %s in groups', p_path, left(p_value::text, 80))] end;
end;
$$;
