create or replace function fn_apply_retention(p_limit integer default 10000)
returns jsonb
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
as $$
-- Removes, or moves to archives, what the policy document retention says has lain here long enough: up to p_limit rows
-- (of missions that many missions, each with all that is theirs), in half a second. It takes only what no other session
-- holds, and goes on where the last call ended. Heartbeats do the same when there is a document.
-- Locks: rows of ops_retention, and of what goes, SKIP LOCKED. Writes: ops_retention, ops_purged, ops_spent_keys and
-- what goes. Raises: OP018 for a limit that cannot be, OP084 for an archive that lacks a column.
begin
  if p_limit is null or p_limit not between 1 and 100000 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_limit is %s and must be between 1 and 100000', coalesce(p_limit::text, 'null')),
      hint = 'Nothing was purged. Call again while "more" is true.';
  end if;
  return _apply_retention(p_limit, interval '0.5 seconds');
end;
$$;
comment on function fn_apply_retention(integer) is
  'Removes or archives what the policy document retention says has lain here long enough, p_limit rows at most, in '
  'half a second: {"purged": {part: n}, "more": whether to call again}. Heartbeats do the same. OPS_018 for a limit '
  'that cannot be, OPS_084 for an archive that lacks a column.';
