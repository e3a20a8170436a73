-- Who may do what. Everything is revoked from everybody but the owner first: default privileges of the database
-- may have granted something at creation. Then come the grants, by name; a grant not written here does not survive.
do $$
declare
  v_routine record;
  v_grantee text;
begin
  for v_routine in
    select p.oid::regprocedure as signature, p.proowner, p.proacl
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute format('revoke all on routine %s from public', v_routine.signature);
    for v_grantee in
      select distinct quote_ident(pg_get_userbyid(a.grantee))
        from aclexplode(v_routine.proacl) a
       where a.grantee not in (0, v_routine.proowner)
    loop
      execute format('revoke all on routine %s from %s', v_routine.signature, v_grantee);
    end loop;
  end loop;
end;
$$;
