create or replace function _check_size(p_name text, p_value jsonb, p_setting text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a document that has more bytes than size_limits.<p_setting>, or is nested too deep.
-- Locks: none. Writes: nothing. Raises: OP045.
begin
  if _is_small(p_value) then
    return;
  end if;
  perform _refuse_size(_size_fault(p_name, p_value, p_setting, _size_limits()));
end;
$$;
