create or replace function _set_aside(p_table text, p_id uuid, p_key text, p_sqlstate text, p_message text)
returns void
language plpgsql
set search_path from current
as $$
-- For what a heartbeat or a claim could neither do nor fail with this row, because of its data: notes it, so that
-- health names it and sweeps leave it alone for ten minutes (_not_aside). p_key: its id as the table has it. 1,000
-- rows are noted at most.
-- Locks: none. Writes: ops_strays. Raises: nothing.
declare
  c_kind constant text := 'row that cannot be changed';
  v_now timestamptz := _now();
begin
  raise warning 'OPS_042: % % cannot be changed: % (%)', p_table, p_key, left(p_message, 1000), p_sqlstate
    using hint = 'Mend the row by hand: the loop tries it again every ten minutes.';
  insert into ops_strays (kind, id, remedy, noticed_at)
  select c_kind, p_id,
         format('select * from %I where id = %L; -- OPS_042: ', p_table, p_key)
         || translate(left(p_message, 300), E'\n\r', '  ') || ' (' || p_sqlstate || ')', v_now
   where (select count(*) from ops_strays t where t.kind = c_kind) < 1000
      or exists (select from ops_strays t where t.kind = c_kind and t.id = p_id)
  on conflict (kind, id) do update set remedy = excluded.remedy, noticed_at = excluded.noticed_at;
end;
$$;
