create or replace function _including_roles(p_role text)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The roles of a loop whose rights include those of this one, itself among them: grants.sql gives them what the role
-- gets, and a member of any of them may do what the role may. Null for what is no role.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case p_role
    when 'reader' then array['reader', 'producer', 'worker', 'operator', 'admin']
    when 'producer' then array['producer', 'worker', 'admin']
    when 'worker' then array['worker', 'admin']
    when 'operator' then array['operator', 'admin']
    when 'admin' then array['admin']
    when 'server' then array['server'] end;
end;
$$;
