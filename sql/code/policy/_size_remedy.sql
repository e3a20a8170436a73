create or replace function _size_remedy(p_fault jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The remedy for the finding of _size_fault.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return format(case p_fault ->> 'setting'
                  when 'size_limits.batch_bytes' then 'Send it in smaller batches'
                  when 'size_limits.batch_items' then 'Send it in smaller batches'
                  when 'size_limits.policy_bytes' then 'Make it smaller'
                  when 'size_limits.depth' then 'Nest it less'
                  when 'size_limits.patterns' then 'Make one entry of several: most of them take a list or a glob'
                  when 'size_limits.placeholders' then 'Refer to a whole object by one placeholder'
                  else 'Store it elsewhere and give a reference to it' end
                || ', or raise %s.', p_fault ->> 'setting');
end;
$$;
