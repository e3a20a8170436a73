-- The front of a fleet: a database without work of its own, whose functions have the names and signatures of a loop and
-- run on the nodes (docs/scaling.md). Installed and brought up to date by a superuser, as PL/Proxy is his to use:
-- `opsloop fleet install`, or
--   psql -v ON_ERROR_STOP=1 --single-transaction -c "set local opsloop.schema = 'opsloop'" -f sql/fleet/install.sql
-- The schema has the name that it has on the nodes. One front for each database; remove.sql takes it back.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
begin
  if to_regclass('ops_missions') is not null then
    raise exception using errcode = 'OP013',
      message = format('OPS_013: schema %I holds a loop, and a front is none', current_schema()),
      hint = 'Nothing was changed. Install the front into a database of its own; the loop becomes a node of it.';
  end if;
  if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    raise exception using errcode = 'OP015', message = 'OPS_015: only a superuser can install the front of a fleet',
      hint = 'PL/Proxy opens connections as the account of the server, so PostgreSQL lets only superusers write in it.';
  end if;
  if not exists (select from pg_available_extensions e where e.name = 'plproxy') then
    raise exception using errcode = 'OP012', message = 'OPS_012: this server does not have PL/Proxy',
      hint = 'Debian: apt-get install postgresql-15-plproxy.';
  end if;
  if exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname = 'plproxy' and p.proname = 'get_cluster_version'
                and obj_description(p.oid, 'pg_proc') is distinct from 'opsloop fleet of schema ' || current_schema())
  then
    raise exception using errcode = 'OP013', message = 'OPS_013: PL/Proxy has clusters of others in this database',
      hint = 'Nothing was changed. Install the front into a database of its own.';
  end if;
end;
$$;
create schema if not exists plproxy;
create extension if not exists plproxy schema plproxy;
\ir tables.sql

-- What was installed before goes, as results may have other types now.
create table if not exists opsloop_routine (
  name text not null,
  arg_types text not null,
  constraint opsloop_routine_pkey primary key (name, arg_types)
);
do $$
declare
  v_old record;
begin
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
\ir ../loader/code_begin.sql
\ir ../code/base/_role_name.sql
\ir ../code/base/_including_roles.sql
\ir ../code/base/_check_text.sql
\ir ../code/base/_error_code.sql
\ir ../code/control/_check_scope.sql
\ir ../code/base/fn_compatibility.sql
\ir code/_fleet_server.sql
\ir code/_server_version.sql
\ir code/_server_dsn.sql
\ir code/_dsn_text.sql
\ir code/_nodes.sql
\ir code/_any_nodes.sql
\ir code/_route_id.sql
\ir code/_route_digits.sql
\ir code/_route_key.sql
\ir code/_knows.sql
\ir code/_is_away.sql
\ir code/_fault_code.sql
\ir code/_was_not_sent.sql
\ir code/_node_said.sql
\ir code/_node_fault.sql
\ir code/_warn_away.sql
\ir code/_change.sql
\ir code/_record_pause.sql
\ir code/_record_kill.sql
\ir code/_was_told.sql
\ir code/_told.sql
\ir code/_split_by_node.sql
\ir code/_share_of.sql
\ir code/_cut.sql
\ir code/_open_count.sql
\ir code/_state_for.sql
\ir code/fn_list_roles.sql
\ir code/fn_emit_events.sql
\ir code/fn_create_proposals.sql
\ir code/fn_decide.sql
\ir code/fn_list_pauses.sql
\ir code/fn_list_policies.sql
\ir code/fn_get_policy.sql
\ir code/fn_policy_history.sql
\ir code/fn_set_policy.sql
\ir code/fn_rollback_policy.sql
\ir code/fn_check_health.sql
\ir code/fn_check_invariants.sql
\ir code/fn_fleet_status.sql
\ir code/fn_fleet_sync.sql
\ir code/fn_fleet_add.sql
\ir code/fn_fleet_drain.sql
\ir code/fn_fleet_login.sql
\ir routes.sql
\ir signatures.sql
\ir make.sql
\ir ../loader/code_end.sql
\ir grants.sql
