create or replace function _end_sweep(p_name text, p_now timestamptz, p_seen bigint, p_position uuid, p_found boolean)
returns void
language plpgsql
set search_path from current
as $$
-- Notes that a part of p_seen rows was looked at; the next one begins above p_position, null for a new round, and comes
-- sooner where this one found something (p_found): there may be more.
-- Locks: none of its own. Writes: ops_sweep. Raises: nothing.
begin
  update ops_sweep
     set position = p_position, seen = case when p_found then p_seen / 5 else p_seen end, swept_at = p_now
   where name = p_name;
end;
$$;
