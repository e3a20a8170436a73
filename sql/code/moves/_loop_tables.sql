create or replace function _loop_tables()
returns table (oid regclass)
language plpgsql
stable
set search_path from current
as $$
-- The tables that a move takes along, in the order in which they are locked: all of the schema but those of extensions
-- and ops_moves, which alone is written while the loop is closed.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select c.oid::regclass
    from pg_class c
   where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p')
     and c.oid <> 'ops_moves'::regclass
     and not exists (select from pg_depend d
                      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
   order by c.oid;
end;
$$;
