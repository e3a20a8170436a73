create or replace function _purge_rows(p_table text, p_which text, p_ids text[], p_how text)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
as $$
-- Removes rows t of a table, those of p_which with p_ids (texts, to be cast) as $1; p_how says whether they are
-- deleted, moved to the archive of the table, or returned (export). A row that the archive has already is deleted only.
-- Locks: the rows. Writes: the table, its archive. Raises: OP084 for an archive that lacks a column.
declare
  v_archive record;
begin
  if cardinality(p_ids) = 0 then
    return;
  end if;
  case p_how
    when 'archive' then
      v_archive := _archive_of(p_table);
      execute format('with gone as (delete from %I t where %s returning t.*) insert into %I (%s) '
                     'select %4$s from gone on conflict do nothing',
                     p_table, p_which, v_archive.name, v_archive.columns)
        using p_ids;
    when 'export' then
      return query execute format('with gone as (delete from %I t where %s returning t.*) '
                                  'select %1$L, to_jsonb(g) from gone g', p_table, p_which)
        using p_ids;
    else
      execute format('delete from %I t where %s', p_table, p_which) using p_ids;
  end case;
end;
$$;
