-- After a schema change ran, in the same transaction.

-- Its objects belong to its owner alone: default privileges of the database may have granted something at creation.
do $$
declare
  v_revoke text;
begin
  for v_revoke in
    select distinct format('revoke all on %s %s from %s', case c.relkind when 'S' then 'sequence' else 'table' end,
                           c.oid::regclass, case a.grantee when 0 then 'public'
                             else quote_ident(pg_get_userbyid(a.grantee)) end)
      from pg_class c
     cross join lateral aclexplode(c.relacl) a
     where c.relnamespace = quote_ident(current_schema())::regnamespace
       and c.relkind in ('r', 'p', 'v', 'm', 'S')
       and c.oid <> all (current_setting('opsloop.relations_before')::oid[])
       and a.grantee <> c.relowner
  loop
    execute v_revoke;
  end loop;
end;
$$;

-- Row level security on every table; grants.sql says who may read nevertheless. A view shows what its reader may see.
do $$
declare
  v_alter text;
begin
  for v_alter in
    select format(case c.relkind when 'v' then 'alter view %s set (security_invoker = true)'
                                 else 'alter table %s enable row level security' end, c.oid::regclass)
      from pg_class c
     where c.relnamespace = quote_ident(current_schema())::regnamespace
       and c.relkind in ('r', 'p', 'v')
       and c.oid <> all (current_setting('opsloop.relations_before')::oid[])
     order by c.oid
  loop
    execute v_alter;
  end loop;
end;
$$;

-- Its ledger row. A release sets `opsloop.version`.
insert into opsloop_schema_change (change, version, code_digest)
values (
  current_setting('opsloop.change'),
  nullif(current_setting('opsloop.version', true), ''),
  case when current_setting('opsloop.version', true) <> ''
       then coalesce(nullif(current_setting('opsloop.code_digest', true), ''), 'unknown') end
);
