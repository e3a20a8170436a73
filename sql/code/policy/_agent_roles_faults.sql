create or replace function _agent_roles_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an agent_roles document: {"roles": {"<role>": {…}}}, or the roles at the top. A role may have further
-- fields of a team's own, but no key: every login that reads policy could read it.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_at text := case when p_value ? 'roles' then 'roles.' else '' end;
begin
  return _field_fault('roles', p_value -> 'roles', 'object') || array(
    select f
      from jsonb_each(case jsonb_typeof(p_value -> 'roles') when 'object' then p_value -> 'roles'
                      else p_value - 'roles' end) r
     cross join lateral (select v_at || r.key as path) a
     cross join lateral unnest(
       case when v_at = '' and jsonb_typeof(r.value) <> 'object' then '{}'::text[]
            else _field_fault(a.path, r.value, 'object')
                 || _field_fault(a.path || '.model', r.value -> 'model', 'text', 1, 200)
                 || _field_fault(a.path || '.logins', r.value -> 'logins', 'texts')
                 || _field_fault(a.path || '.description', r.value -> 'description', 'text', 0, 10000)
                 || _field_fault(a.path || '.system', r.value -> 'system', 'text', 0, 100000)
                 || _field_fault(a.path || '.max_tokens', r.value -> 'max_tokens', 'whole number', 1, 10000000)
                 || _field_fault(a.path || '.temperature', r.value -> 'temperature', 'number', 0, 2)
                 || _field_fault(a.path || '.timeout_seconds', r.value -> 'timeout_seconds', 'whole number', 1, 604800)
                 || case when r.value ->> 'base_url' !~* '^https?://[^/?#@[:space:]]+(/[^?#@[:space:]]*)?$'
                              or jsonb_typeof(r.value -> 'base_url') not in ('string', 'null')
                         then array[a.path || '.base_url: must be a text such as https://host/v1, without user, ? '
                                             'or #'] end
                 || case when r.value ->> 'api_key_env' !~ '^[A-Za-z_][A-Za-z0-9_]{0,127}$'
                              or jsonb_typeof(r.value -> 'api_key_env') not in ('string', 'null')
                         then array[a.path || '.api_key_env: must be the name of an environment variable of the '
                                              'workers'] end
                 || case when r.value ? 'api_key'
                         then array[a.path || '.api_key: a key does not belong here; name its environment variable in '
                                              'api_key_env'] end
       end) f
     limit 1001);
end;
$$;
