create or replace function _route_digits(p_id text)
returns integer
language plpgsql
stable
set search_path from current
as $$
-- The node of an id, or of the last 8 digits or more of one.
-- Locks: none. Writes: nothing. Raises: OP012, OP018 for what is no id.
begin
  if p_id is null or p_id !~* '^[0-9a-f-]{6,34}[0-9a-f]{2}$' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s is no id', coalesce(p_id, 'null')),
      detail = jsonb_build_object('p_id', p_id)::text,
      hint = 'Give an id, or its last 8 digits or more. What has a name of another kind is shown by its node.';
  end if;
  return _route_id(('00000000-0000-0000-0000-0000000000' || right(p_id, 2))::uuid);
end;
$$;
