-- Opens every transaction that installs or removes something. Asks for the setting `opsloop.schema`; leaves the
-- transaction holding the schema's installer lock, with search_path set to `<schema>, pg_temp`.
-- A statement_timeout meant for queries does not hold here; every schema script sets a lock_timeout of its own.
-- In ASCII throughout: a database of another encoding has to be able to read the refusal.
-- Raises: OP055 for a database that is not in UTF-8, OP013 when somebody else may create objects in the schema.
set local statement_timeout = 0;
do $$
declare
  v_schema text := pg_catalog.current_setting('opsloop.schema');
  v_others text;
begin
  -- Before anything is called by its bare name: public may hold a function of the same name that fits better.
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if current_setting('server_encoding') <> 'UTF8' then
    raise exception using
      errcode = 'OP055',
      message = format('OPS_055: database %I is in %s, and opsloop needs UTF8', current_database(),
                       current_setting('server_encoding')),
      hint = 'Nothing was changed. Install opsloop into a database made with: create database ... encoding ''UTF8'' '
             'template template0;';
  end if;

  -- One transaction at a time installs into a schema: parallel `create or replace` fails half the time.
  perform pg_advisory_xact_lock(hashtextextended('opsloop:load:' || v_schema, 0));

  -- Not `if not exists`: that asks for CREATE on the database even when the schema is there.
  if not exists (select from pg_namespace where nspname = v_schema) then
    execute format('create schema %I', v_schema);
    for v_others in
      select distinct format('revoke all on schema %I from %s', v_schema,
                             case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
        from pg_namespace n
       cross join lateral aclexplode(n.nspacl) a
       where n.nspname = v_schema and a.grantee <> n.nspowner
    loop
      execute v_others;  -- granted by default privileges of the database
    end loop;
  end if;
  perform set_config('search_path', format('%I, pg_temp', v_schema), true);

  -- A login that may create objects here could put its own routine under one that runs with the owner's rights.
  select string_agg(case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end, ', ')
    into v_others
    from pg_namespace n
   cross join lateral aclexplode(n.nspacl) a
   where n.nspname = v_schema
     and a.privilege_type = 'CREATE'
     and a.grantee <> n.nspowner
     and a.grantee <> (select r.oid from pg_roles r where r.rolname = current_user)
     and not exists (select from pg_roles r where r.oid = a.grantee and r.rolsuper);
  if v_others is not null then
    raise exception using
      errcode = 'OP013',
      message = format('OPS_013: others may create objects in schema %I', v_schema),
      detail = format('CREATE is granted to: %s', v_others),
      hint = format('revoke create on schema %I from %s;', v_schema, v_others);
  end if;
end;
$$;
