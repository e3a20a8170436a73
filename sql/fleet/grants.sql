-- The rights on the front: each role has those of its namesake on the nodes, which signatures.sql takes over.
do $$
declare
  v_name text;
  v_one record;
  v_all constant text[] := array['reader', 'producer', 'worker', 'operator', 'admin'];
begin
  foreach v_name in array v_all loop
    if not exists (select from pg_roles r where r.rolname = _role_name(v_name)) then
      execute format('create role %I nologin', _role_name(v_name));
    end if;
    execute format('grant usage on schema %I to %I', current_schema(), _role_name(v_name));
    execute format('grant select on fleet_state, fleet_nodes, fleet_pauses, fleet_policies to %I', _role_name(v_name));
  end loop;
  revoke all on fleet_logins, opsloop_routine from public;
  for v_one in
    select p.oid::regprocedure as signature,
           (select string_agg(distinct quote_ident(_role_name(i.role)), ', ')
              from string_to_table(coalesce(s.roles, f.roles), ' ') n (role)
             cross join lateral unnest(_including_roles(n.role)) i (role)
             where i.role = any (v_all)) as grantees
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
      left join fleet_signatures s on s.name = p.proname
      left join (values ('fn_fleet_status', 'reader'), ('fn_fleet_sync', 'admin'), ('fn_fleet_drain', 'admin'))
           f (name, roles) on f.name = p.proname
     where p.pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute format('revoke all on routine %s from public', v_one.signature);
    if v_one.grantees is not null then
      execute format('grant execute on routine %s to %s', v_one.signature, v_one.grantees);
    end if;
  end loop;
end;
$$;
