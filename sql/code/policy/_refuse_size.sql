create or replace function _refuse_size(p_fault jsonb)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Refuses what is too large, as _size_fault found it; nothing for null.
-- Locks: none. Writes: nothing. Raises: OP045.
begin
  if p_fault is not null then
    raise exception using errcode = 'OP045', message = 'OPS_045: ' || _size_message(p_fault), detail = p_fault::text,
      hint = format('Nothing was changed. %s', _size_remedy(p_fault));
  end if;
end;
$$;
