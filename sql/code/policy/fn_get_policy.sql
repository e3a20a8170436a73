create or replace function fn_get_policy(p_key text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The policy document in force.
-- Locks: none. Writes: nothing. Raises: OP002 when there is no such document.
declare
  v_value jsonb;
begin
  select p.value into v_value from ops_policy p where p.key = p_key;
  if not found then
    raise exception using errcode = 'OP002', message = format('OPS_002: no policy document %L', p_key),
      detail = jsonb_build_object('key', p_key)::text,
      hint = 'Run `opsloop seed` for the defaults, or set it with fn_set_policy.';
  end if;
  return v_value;
end;
$$;
comment on function fn_get_policy(text) is
  'The policy document in force under a key; OPS_002 when there is none.';
