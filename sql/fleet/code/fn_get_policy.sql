create or replace function fn_get_policy(p_key text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The policy document in force on the fleet.
-- Locks: none. Writes: nothing. Raises: OP002 when there is no such document.
declare
  v_value jsonb;
begin
  select l.value into v_value from fn_list_policies() l where l.key = p_key;
  if not found then
    raise exception using errcode = 'OP002', message = format('OPS_002: no policy document %L', p_key),
      detail = jsonb_build_object('key', p_key)::text, hint = 'Set it with fn_set_policy.';
  end if;
  return v_value;
end;
$$;
