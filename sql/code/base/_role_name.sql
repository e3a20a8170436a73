create or replace function _role_name(p_role text)
returns text
language plpgsql
stable
set search_path from current
as $$
-- Name of one of the five group roles of this loop: <schema>_<role>. Role names are cluster-wide and end at 63 bytes: a
-- longer schema name is cut, and 8 hex digits of its md5 keep two such names different.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_schema text := current_schema();
begin
  if octet_length(v_schema) + 1 + octet_length(p_role) > 63 then
    while octet_length(v_schema) + 10 + octet_length(p_role) > 63 loop
      v_schema := left(v_schema, -1);
    end loop;
    v_schema := v_schema || '_' || left(md5(current_schema()), 8);
  end if;
  return v_schema || '_' || p_role;
end;
$$;
