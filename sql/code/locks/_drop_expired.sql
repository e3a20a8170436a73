create or replace function _drop_expired(p_table text, p_key text)
returns integer
language plpgsql
set search_path from current
as $$
-- Deletes the rows of a table that have expired, the 10,000 oldest at most, and returns how many. Where that fails on
-- data (a table of others refers to a row, or a trigger of theirs keeps it), they are deleted one by one, and what
-- cannot be deleted is left. p_key: its primary key.
-- Locks: their rows, SKIP LOCKED. Writes: that table. Raises: errors not caused by the data.
declare
  v_expired constant text := format('select e.%I from %I e where e.expires_at <= $1 order by e.expires_at limit 10000 '
                                    'for update skip locked', p_key, p_table);
  v_now timestamptz := _now();
  v_name text;
  v_gone integer;
  v_count integer := 0;
begin
  begin
    execute format('delete from %I d where d.%I in (%s)', p_table, p_key, v_expired) using v_now;
    get diagnostics v_count = row_count;
    return v_count;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;
  for v_name in execute v_expired using v_now loop
    begin
      execute format('delete from %I d where d.%I = $1', p_table, p_key) using v_name;
      get diagnostics v_gone = row_count;
      v_count := v_count + v_gone;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
    end;
  end loop;
  return v_count;
end;
$$;
