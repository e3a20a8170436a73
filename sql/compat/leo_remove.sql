-- Takes the layer leo back; to be run as leo.sql is. The loop and its rows stay as they are. What somebody else put
-- into the schema, or built on it, is not touched: then nothing is removed.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
begin
  if obj_description(to_regnamespace('leo')::oid, 'pg_namespace')
     is distinct from 'opsloop compat of schema ' || quote_ident(current_schema()) then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: schema %I has no compatibility layer leo', current_schema()),
      hint = 'opsloop compat list shows what is installed.';
  end if;
end;
$$;
drop view if exists leo.product_requirements_v2, leo.strategic_directives_v2;
drop schema leo;
