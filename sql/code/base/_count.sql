create or replace function _count(p_name text, p_n bigint default 1)
returns void
language plpgsql
set search_path from current
as $$
-- Counts p_n times p_name in the caller's transaction: it counts if that commits, and only then. Each call inserts a
-- row, which heartbeats sum up (_duty_base), so that sessions that count the same never wait for each other. A batch is
-- counted by one call. fn_metrics shows only names that _measures lists. Zero and null count nothing.
-- Locks: none. Writes: ops_counts. Raises: nothing.
begin
  if p_n > 0 then
    insert into ops_counts (name, n) values (p_name, p_n);
  end if;
end;
$$;
