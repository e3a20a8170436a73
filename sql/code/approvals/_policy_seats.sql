create or replace function _policy_seats(p_key text, p_version integer, p_value jsonb, p_login text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- How far the agreement has come that approval_rules.policy asks for before this document follows version p_version:
-- {"of", "open", "in_force", "proposed"} as _seats_text takes it; null where it asks for nobody. p_login agrees by
-- asking. Others agreed to the very same document, may still decide, and are still in the group by which they sit.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_rules constant jsonb := _policy('approval_rules');
  v_seats jsonb;
begin
  if jsonb_typeof(v_rules -> 'policy') is distinct from 'array' or v_rules -> 'policy' = '[]' then
    return null;
  end if;
  select _assign_seats(
           jsonb_build_object('seats', (
             select jsonb_agg(jsonb_build_object('rule', 'policy', 'group', q ->> 'group',
                                                 'count', coalesce((q ->> 'count')::integer, 1)) order by q)
               from jsonb_array_elements(v_rules -> 'policy') q)),
           '[]', jsonb_agg(jsonb_build_object('login', a.login, 'groups', a.groups)))
    into v_seats
    from (select p_login as login, to_jsonb(_login_groups(v_rules, p_login)) as groups
          union all
          select v.login, (select coalesce(jsonb_agg(g), '[]')
                             from unnest(_login_groups(v_rules, v.login)) g where g = any (v.groups))
            from ops_policy_votes v
           where v.key = p_key and v.version = p_version and v.digest = _digest(p_value) and v.login <> p_login
             and _login_may_decide(v.login)) a;
  return jsonb_build_object(
    'of', jsonb_array_length(v_seats), 'in_force', v_seats, 'proposed', v_seats,
    'open', (select count(*) from jsonb_array_elements(v_seats) s where s ->> 'login' is null));
end;
$$;
