-- After the routines were loaded: refuses if somebody else's routine was replaced or is overloaded by one of
-- ours, drops what an earlier opsloop installed and this one no longer ships, and records what is ours now.
-- Locks: nothing but the rows of opsloop_routine. Writes: opsloop_routine. Raises: OP013.
do $$
declare
  v_before jsonb := current_setting('opsloop.routines_before')::jsonb;
  v_xid bigint := pg_current_xact_id()::text::bigint;
  v_schema regnamespace := quote_ident(current_schema())::regnamespace;
  v_written oid[];
  v_foreign text;
  v_gone record;
begin
  -- Written by this load: the row of pg_proc changed since code_begin.sql, by a transaction still in progress,
  -- which for a visible row can only be this one or its savepoints. (Others may have committed routines meanwhile.)
  select coalesce(array_agg(p.oid), '{}')
    into v_written
    from pg_proc p
   where p.pronamespace = v_schema
     and case when v_before ->> p.oid::text is distinct from p.xmin::text || ' ' || p.ctid::text
              then pg_xact_status((v_xid - age(p.xmin))::text::xid8) = 'in progress' end;

  select string_agg(p.oid::regprocedure::text, ', ' order by p.oid::regprocedure::text)
    into v_foreign
    from pg_proc p
   where p.pronamespace = v_schema
     and p.proname in (select w.proname from pg_proc w where w.oid = any (v_written))
     and (v_before ? p.oid::text or p.oid <> all (v_written))
     and not exists (select from opsloop_routine r
                      where r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes));
  if v_foreign is not null then
    raise exception using
      errcode = 'OP013',
      message = format('OPS_013: schema %I holds routines of our names that opsloop did not install', current_schema()),
      detail = v_foreign,
      hint = 'Nothing was changed. Rename or drop them, or install opsloop into a schema of its own.';
  end if;

  for v_gone in
    select p.oid::regprocedure as signature
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = v_schema
       and p.oid <> all (v_written)
  loop
    execute format('drop routine %s', v_gone.signature);
  end loop;

  delete from opsloop_routine r
   where not exists (select from pg_proc p
                      where p.oid = any (v_written)
                        and p.proname = r.name and oidvectortypes(p.proargtypes) = r.arg_types);
  insert into opsloop_routine (name, arg_types)
  select p.proname, oidvectortypes(p.proargtypes)
    from pg_proc p
   where p.oid = any (v_written)
  on conflict do nothing;
end;
$$;

-- A node of a fleet keeps its number, which the load has set back to 0.
do $$
begin
  if to_regprocedure('_set_node(integer)') is not null then
    perform _set_node(c.node) from ops_control c where c.node <> 0;
  end if;
end;
$$;
