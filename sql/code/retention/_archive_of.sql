create or replace function _archive_of(p_table text, out name text, out columns text)
language plpgsql
set search_path from current
as $$
-- The archive of a table, <table>_archive, made where it is missing: the columns, checks and comments of the table and
-- its primary key, and none of its other indexes, as a dedupe key that is free again may come twice. One that is there,
-- as the operations runbook makes it, is used, and may have more columns. columns: those of the table.
-- Locks: the archive, when it is made. Writes: the catalogue. Raises: OP084 when the archive lacks a column.
declare
  v_key text;
  v_missing text;
begin
  name := p_table || '_archive';
  if to_regclass(quote_ident(name)) is null then
    select pg_get_constraintdef(c.oid) into v_key
      from pg_constraint c where c.conrelid = quote_ident(p_table)::regclass and c.contype = 'p';
    execute format('create table %I (like %I including all excluding indexes, constraint %I %s)',
                   name, p_table, name || '_pkey', v_key);
    -- Like every table of the schema (loader/change_end.sql): only the owner reads it, unless the owner grants it.
    execute format('alter table %I enable row level security', name);
  end if;
  select string_agg(quote_ident(t.attname), ', ' order by t.attnum),
         string_agg(format('add column %I %s', t.attname, format_type(t.atttypid, t.atttypmod)), ', '
                    order by t.attnum) filter (where a.attname is null)
    into columns, v_missing
    from pg_attribute t
    left join pg_attribute a on a.attrelid = quote_ident(name)::regclass and a.attname = t.attname
                            and not a.attisdropped
   where t.attrelid = quote_ident(p_table)::regclass and t.attnum > 0 and not t.attisdropped and t.attgenerated = '';
  if v_missing is not null then
    raise exception using errcode = 'OP084',
      message = format('OPS_084: table %s lacks columns of %s; nothing was moved there', name, p_table),
      detail = jsonb_build_object('archive', name, 'table', p_table)::text,
      hint = format('alter table %I.%I %s;', current_schema(), name, v_missing);
  end if;
end;
$$;
