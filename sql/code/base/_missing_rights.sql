create or replace function _missing_rights(p_role oid)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The rights in grants.sql that this role of the loop lacks, as after a restore without privileges; null when
-- nothing. Rights that a role has because everybody has them do not count: the loop gives none to public.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_schema constant oid := quote_ident(current_schema())::regnamespace;
begin
  return (
    with relation as materialized (
      select c.oid, c.relkind = 'v' or exists (select from pg_policy y
                                                where y.polrelid = c.oid and y.polname = 'opsloop_read'
                                                  and p_role = any (y.polroles)) as shows
        from pg_class c
       where c.relnamespace = v_schema
         and ((c.relkind in ('r', 'p') and c.relrowsecurity and c.relname !~ 'yoyo'
               and c.relname not in ('ops_api_keys', 'ops_sign_ins'))
              or c.oid in ('ops_policy_audit'::regclass, 'ops_workers_seen'::regclass, 'ops_queue'::regclass,
                           'ops_control_log'::regclass))
    ), routine as materialized (
      select p.oid, (select bool_or(a.grantee = p_role) from aclexplode(p.proacl) a) is true as mine,
             (select bool_or(a.grantee = 0)
                from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a) is true as everybodys
        from pg_proc p
        join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
       where p.pronamespace = v_schema
    )
    select nullif(concat_ws('; ',
             case when not has_schema_privilege(p_role, v_schema, 'usage') then 'usage of the schema' end,
             (select format('select on %s of %s tables and views', count(*) filter (where f.lacks), count(*))
                from (select not has_table_privilege(p_role, r.oid, 'select') as lacks from relation r) f
              having bool_or(f.lacks)),
             (select format('the policy opsloop_read on %s tables', count(*)) from relation r
               where not r.shows having count(*) > 0),
             (select 'execute on its functions' from routine r having not bool_or(r.mine)),
             (select format('everybody may execute %s routines', count(*)) from routine r
               where r.everybodys having count(*) > 0)), ''));
end;
$$;
