-- Before a schema change runs. Asks for the setting `opsloop.change`, its name. Notes which relations the schema
-- holds, so that change_end.sql can tell which of them this change made.
-- Raises: OP014 when the ledger says that it is installed already, by whichever runner.
do $$
declare
  v_change text := current_setting('opsloop.change');
  v_found boolean := false;
begin
  if to_regclass('opsloop_schema_change') is not null then
    execute 'select exists (select from opsloop_schema_change where change = $1)' into v_found using v_change;
  end if;
  if v_found then
    raise exception using
      errcode = 'OP014',
      message = format('OPS_014: change %s is already installed in schema %I', v_change, current_schema()),
      hint = 'Another runner applied it. `opsloop status` lists what is there; `sqitch deploy --log-only` tells '
             'sqitch so.';
  end if;

  perform set_config('opsloop.relations_before', (
    select coalesce(array_agg(c.oid), '{}')::text
      from pg_class c
     where c.relnamespace = quote_ident(current_schema())::regnamespace), true);
end;
$$;
