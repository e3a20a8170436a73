create or replace function _assert_not_reserved(p_kind text, p_argument text, p_name text)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Raises when a name that a login gives is the loop's own (_reserved_names). p_argument: the argument that it came in.
-- Locks: none. Writes: nothing. Raises: OP018.
declare
  v_shown text;
begin
  if p_name like any (_reserved_names(p_kind)) then
    v_shown := replace(array_to_string(_reserved_names(p_kind), ', '), '%', '*');
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s: the %s %s is reserved for the loop itself', p_argument, p_kind,
                       quote_literal(left(p_name, 500))),
      detail = jsonb_build_object('argument', p_argument, 'name', left(p_name, 500), 'reserved', v_shown)::text,
      hint = format('Reserved are %s. Let it begin with something else, such as the name of your program.', v_shown);
  end if;
end;
$$;
