create or replace function _size_message(p_fault jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The finding of _size_fault, as a sentence.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return format(case when p_fault ? 'depth' then '%s is nested %s deep; the limit is %s'
                     when p_fault ? 'bytes' then '%s has %s bytes; the limit is %s'
                     when p_fault ->> 'setting' = 'size_limits.placeholders'
                       then '%s has %s placeholders; the limit is %s'
                     else '%s has %s entries; the limit is %s' end,
                p_fault ->> 'argument', coalesce(p_fault ->> 'depth', p_fault ->> 'bytes', p_fault ->> 'count'),
                p_fault ->> 'limit');
end;
$$;
