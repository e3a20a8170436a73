create or replace function _lock_tables(p_from_readers boolean)
returns void
language plpgsql
set search_path from current
as $$
-- Locks all tables of the loop but ops_moves, from writers (share row exclusive) or from readers too (access
-- exclusive), to the end of the transaction. All are locked within 0.8 seconds or none is, and then it tries again: a
-- writer that waits for longer, while this waits for it, would be ended as part of a deadlock. Gives up after ten
-- seconds.
-- Locks: these tables. Writes: nothing. Raises: OP031, which names the sessions that write.
declare
  v_ends constant timestamptz := clock_timestamp() + interval '10 seconds';
  v_attempt_ends timestamptz;
  v_left integer;
  v_table regclass;
begin
  loop
    v_attempt_ends := clock_timestamp() + interval '0.8 seconds';
    begin
      for v_table in select t.oid from _loop_tables() t loop
        v_left := 1 + (extract(epoch from v_attempt_ends - clock_timestamp()) * 1000)::integer;
        if v_left < 1 then
          raise lock_not_available;
        end if;
        perform set_config('lock_timeout', least(v_left, 250)::text || 'ms', true);
        execute format('lock table %s in %s mode', v_table,
                       case when p_from_readers then 'access exclusive' else 'share row exclusive' end);
      end loop;
      return;
    exception when lock_not_available then
      if clock_timestamp() > v_ends then
        perform _raise_held('table ' || v_table, v_table);
      end if;
    end;
    perform pg_sleep(0.1);
  end loop;
end;
$$;
