-- The names that directives have in other systems: schema leo with the views strategic_directives_v2 and
-- product_requirements_v2 over the tables of a loop. They can be written to like the tables, by whoever may write to
-- these. Installed and removed by itself, as the owner of the loop: `opsloop compat install leo`, or
--   psql -v ON_ERROR_STOP=1 --single-transaction -c "set local opsloop.schema = 'opsloop'" -f sql/compat/leo.sql
-- Again after an upgrade does no harm. leo_remove.sql takes it back. One loop per database can have it.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
declare
  v_owner text := obj_description(to_regnamespace('leo')::oid, 'pg_namespace');
begin
  if to_regprocedure('fn_list_roles()') is null or to_regclass('strategic_directives') is null then
    raise exception using errcode = 'OP021',
      message = format('OPS_021: opsloop is not installed in schema %I, or too old', current_schema()),
      hint = 'opsloop migrate installs and upgrades it.';
  end if;
  if to_regnamespace('leo') is not null
     and v_owner is distinct from 'opsloop compat of schema ' || quote_ident(current_schema()) then
    raise exception using errcode = 'OP013',
      message = 'OPS_013: schema leo is there already, and not as the compatibility layer of this loop',
      detail = jsonb_build_object('comment', v_owner)::text,
      hint = 'Rename it, alter schema leo rename to leo_old, or remove the layer of the other loop.';
  end if;
  create schema if not exists leo;
  execute format('comment on schema leo is %L', 'opsloop compat of schema ' || quote_ident(current_schema()));
end;
$$;

create or replace view leo.strategic_directives_v2 with (security_invoker = true) as
select d.id, d.sd_key, d.title, d.sd_type, d.status, d.current_phase, d.transition_version, d.created_at, d.updated_at
  from strategic_directives d;

create or replace view leo.product_requirements_v2 with (security_invoker = true) as
select r.id, r.sd_id, r.status, r.phase, r.updated_at from product_requirements r;

-- Nobody's but the roles' of the loop, whatever default privileges say. They may read, as in the loop.
do $$
declare
  v_do text;
  v_roles text;
begin
  for v_do in
    select distinct format('revoke all on %s from %s', o.name,
                           case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
      from (select 'schema leo' as name, n.nspacl as acl, n.nspowner as owner
              from pg_namespace n where n.nspname = 'leo'
            union all
            select c.oid::regclass::text, c.relacl, c.relowner
              from pg_class c where c.relnamespace = 'leo'::regnamespace and c.relkind = 'v') o
     cross join lateral aclexplode(o.acl) a
     where a.grantee <> o.owner
  loop
    execute v_do;
  end loop;
  select string_agg(quote_ident(r.name), ', ') into v_roles from fn_list_roles() r where r.remedy is null;
  if v_roles is not null then
    execute format('grant usage on schema leo to %s', v_roles);
    execute format('grant select on all tables in schema leo to %s', v_roles);
  end if;
end;
$$;
