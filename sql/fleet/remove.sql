-- Takes the front of a fleet back: its functions, its tables and what PL/Proxy asks it. The nodes and their work stay
-- as they are; so do the roles. To be run as install.sql is.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
declare
  v_old record;
begin
  if to_regclass('fleet_nodes') is null then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: schema %I is no front of a fleet', current_schema()), hint = 'Nothing was changed.';
  end if;
  for v_old in
    select p.oid::regprocedure as signature
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute format('drop routine %s', v_old.signature);
  end loop;
end;
$$;
drop function plproxy.get_cluster_version(text), plproxy.get_cluster_partitions(text), plproxy.get_cluster_config(text);
drop table fleet_state, fleet_routed, fleet_nodes, fleet_logins, fleet_pauses, fleet_policies, opsloop_routine;
