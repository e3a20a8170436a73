-- Drops every routine that opsloop installed, with the triggers that call them; never cascades. The code
-- digests are forgotten, so that the next `opsloop migrate` loads the routines of its own release. The group roles
-- lose what grants.sql gave them here; they themselves stay, since other databases may use them.
-- Locks: each table that loses a trigger, ACCESS EXCLUSIVE. Writes: opsloop_routine, opsloop_schema_change.
-- Raises: OP014 while a compatibility layer lies over this schema.
do $$
declare
  v_drop text;
  v_layer text;
begin
  select min(l.name) into v_layer
    from (select n.nspname::text from pg_namespace n
           where obj_description(n.oid, 'pg_namespace') = 'opsloop compat of schema ' || quote_ident(current_schema())
          union all
          select substr(obj_description(p.oid, 'pg_proc'), 16) from pg_proc p
           where p.pronamespace = quote_ident(current_schema())::regnamespace
             and obj_description(p.oid, 'pg_proc') like 'opsloop compat %') l (name);
  if v_layer is not null then
    raise exception using
      errcode = 'OP014',
      message = format('OPS_014: the compatibility layer %s needs the routines of schema %I', v_layer,
                       current_schema()),
      hint = format('Nothing was changed. Remove it first: opsloop compat remove %s', v_layer);
  end if;

  if to_regprocedure('fn_list_roles()') is not null then
    for v_drop in
      select format('drop policy opsloop_read on %s', y.polrelid::regclass)
        from pg_policy y
        join pg_class c on c.oid = y.polrelid
       where y.polname = 'opsloop_read' and c.relnamespace = quote_ident(current_schema())::regnamespace
      union all
      select distinct format('revoke all on %s from %s', c.oid::regclass, a.grantee::regrole)
        from pg_class c
       cross join lateral aclexplode(c.relacl) a
        join fn_list_roles() l on quote_ident(l.name) = a.grantee::regrole::text
       where c.relnamespace = quote_ident(current_schema())::regnamespace
      union all
      select format('revoke all on schema %I from %s', current_schema(), a.grantee::regrole)
        from pg_namespace n
       cross join lateral aclexplode(n.nspacl) a
        join (select l.name from fn_list_roles() l union all select _role_name('server')) l
          on quote_ident(l.name) = a.grantee::regrole::text
       where n.nspname = current_schema()
    loop
      execute v_drop;
    end loop;
  end if;

  for v_drop in
    select format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
      from pg_trigger t
      join pg_proc p on p.oid = t.tgfoid
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = quote_ident(current_schema())::regnamespace
       and not t.tgisinternal
  loop
    execute v_drop;
  end loop;

  for v_drop in
    select format('drop routine %s', p.oid::regprocedure)
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute v_drop;
  end loop;

  delete from opsloop_routine;
  delete from opsloop_schema_change where change like E'code\\_%';
  update opsloop_schema_change set code_digest = 'none' where code_digest is not null;
end;
$$;
