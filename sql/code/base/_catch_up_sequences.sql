create or replace function _catch_up_sequences()
returns void
language plpgsql
set search_path from current
as $$
-- After a restore: no sequence of this schema is behind the numbers that its table has, as it is when the table was
-- restored alone. Fencing tokens are apart: they lead with the epoch.
-- Locks: none. Writes: sequences. Raises: nothing.
declare
  v_column record;
begin
  for v_column in
    select s.oid::regclass as sequence, a.attname as name, t.relname as of_table
      from pg_class s
      join pg_depend n on n.refclassid = 'pg_class'::regclass and n.refobjid = s.oid
                      and n.classid = 'pg_attrdef'::regclass
      join pg_attrdef d on d.oid = n.objid
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      join pg_class t on t.oid = d.adrelid
     where s.relkind = 'S' and s.relnamespace = quote_ident(current_schema())::regnamespace
       and d.adrelid <> 'distributed_locks'::regclass
  loop
    execute format('select setval(%1$L, greatest(max(%2$I), pg_sequence_last_value(%1$L))) from %3$I',
                   v_column.sequence, v_column.name, v_column.of_table);
  end loop;
end;
$$;
