create or replace function _broken_locks()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Locks with two rows, with a token that the next holder's would not exceed, or with a token that was given twice.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '9 one holder per lock', 'lock ' || l.lock_name, format('%s rows: %s', count(*), string_agg(l.holder_id, ', '))
    from distributed_locks l
   group by l.lock_name
  having count(*) > 1
  union all
  select '9 one holder per lock', 'token ' || l.token::text, format('given to %s', string_agg(l.lock_name, ', '))
    from distributed_locks l
   group by l.token
  having count(*) > 1
  union all
  select '9 one holder per lock', 'lock ' || l.lock_name, format('token %s is above what is drawn next', l.token)
    from distributed_locks l
   cross join ops_control c
   cross join distributed_locks_token_seq s
   where l.token > c.epoch * 1000000000000 + s.last_value;
end;
$$;
