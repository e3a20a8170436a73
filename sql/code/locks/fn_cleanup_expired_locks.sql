create or replace function fn_cleanup_expired_locks()
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Deletes expired locks, the 10,000 oldest at most, and returns how many; those that an open transaction asserted are
-- left. Where that fails on data (a table of others refers to a row, or a trigger of theirs keeps it), they are deleted
-- one by one, and what cannot be deleted is left. No correctness depends on it, as an expired lock is free. Part of the
-- heartbeat.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks. Raises: what is no fault of the data.
declare
  v_now timestamptz := _now();
  v_name text;
  v_count integer := 0;
begin
  begin
    delete from distributed_locks d
     where d.lock_name in (select l.lock_name from distributed_locks l
                            where l.expires_at <= v_now
                            order by l.expires_at
                            limit 10000
                              for update skip locked);
    get diagnostics v_count = row_count;
    return v_count;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;
  for v_name in
    select l.lock_name from distributed_locks l where l.expires_at <= v_now order by l.expires_at limit 10000
       for update skip locked
  loop
    begin
      delete from distributed_locks l where l.lock_name = v_name;
      v_count := v_count + found::integer;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
    end;
  end loop;
  return v_count;
end;
$$;
comment on function fn_cleanup_expired_locks() is
  'Deletes expired locks, at most 10,000 a call, and returns how many. Heartbeats do it by themselves; an expired '
  'lock is free either way.';
