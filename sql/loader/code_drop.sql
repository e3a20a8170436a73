-- Drops every routine that opsloop installed, with the triggers that call them; never cascades. The code
-- digests are forgotten, so that the next `opsloop migrate` loads the routines of its own release.
-- Locks: each table that loses a trigger, ACCESS EXCLUSIVE. Writes: opsloop_routine, opsloop_schema_change.
do $$
declare
  v_drop text;
begin
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
  delete from opsloop_schema_change where change like 'code\_%';
  update opsloop_schema_change set code_digest = 'none' where code_digest is not null;
end;
$$;
