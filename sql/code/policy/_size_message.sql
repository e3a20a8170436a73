create or replace function _size_message(p_fault jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- What _size_fault found, as a sentence.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_fault ? 'depth'
    then format('%s is nested %s deep; the limit is %s', p_fault ->> 'argument', p_fault ->> 'depth',
                p_fault ->> 'limit')
    else format('%s has %s %s; the limit is %s', p_fault ->> 'argument', coalesce(p_fault ->> 'bytes',
                p_fault ->> 'count'), case when p_fault ? 'bytes' then 'bytes' when p_fault ->> 'setting' = 'size_limits.placeholders'
                then 'placeholders' else 'entries' end,
                p_fault ->> 'limit') end;
end;
$$;
