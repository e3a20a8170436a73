-- Before the routines are loaded: notes which routines the schema holds, so that code_end.sql can tell which
-- of them this load wrote. (oid -> row version in pg_proc.)
set local check_function_bodies = off;
do $$
begin
  perform set_config('opsloop.routines_before', (
    select coalesce(jsonb_object_agg(p.oid::text, p.xmin::text || ' ' || p.ctid::text), '{}')::text
      from pg_proc p
     where p.pronamespace = quote_ident(current_schema())::regnamespace), true);
end;
$$;
