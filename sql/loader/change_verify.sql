-- Checks that the change `opsloop.change` is installed, and that the routines recorded as ours are there.
-- Raises: OP021 when not.
do $$
declare
  v_change text := current_setting('opsloop.change');
  v_missing text;
begin
  if not exists (select from opsloop_schema_change where change = v_change) then
    raise exception using
      errcode = 'OP021',
      message = format('OPS_021: change %s is not installed in schema %I', v_change, current_schema());
  end if;
  select string_agg(format('%s(%s)', r.name, r.arg_types), ', ')
    into v_missing
    from opsloop_routine r
   where not exists (select from pg_proc p
                      where p.pronamespace = quote_ident(current_schema())::regnamespace
                        and p.proname = r.name and oidvectortypes(p.proargtypes) = r.arg_types);
  if v_missing is not null then
    raise exception using
      errcode = 'OP021',
      message = format('OPS_021: routines are missing in schema %I', current_schema()),
      detail = v_missing,
      hint = 'Load them again with `opsloop migrate`.';
  end if;
end;
$$;
