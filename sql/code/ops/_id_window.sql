create or replace function _id_window(p_table text, p_limit integer, p_after uuid, out above uuid, out upto uuid)
language plpgsql
stable
set search_path from current
as $$
-- The bounds (id > above and id <= upto) of the rows to look at in a table with time-ordered ids: the newest p_limit,
-- or the p_limit after p_after; without p_limit all, or all after p_after.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  above := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
  upto := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  if p_limit is null then
    return;
  end if;
  if p_after is null then
    execute format('select coalesce((select id from %I order by id desc offset $1 limit 1), $2)', p_table)
      into above using p_limit, above;
  else
    execute format('select coalesce((select id from %I where id > $1 order by id offset $2 limit 1), $3)', p_table)
      into upto using p_after, p_limit - 1, upto;
  end if;
end;
$$;
