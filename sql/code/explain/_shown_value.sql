create or replace function _shown_value(p_value jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- A document as fn_show has it: one of more than 100,000 bytes is only told by its size.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if pg_column_size(p_value) > 100000 then
    return jsonb_build_object('left_out_bytes', pg_column_size(p_value));
  end if;
  return p_value;
end;
$$;
