create or replace function _duty_steps()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: clears the idle mark of workers that vanished, or producers would notify them
-- for ever, and deletes workers that were not seen for a week. Forgets rows that were set aside and did not fail again
-- since. Where that fails on data, each worker is looked at by itself, and one that cannot be changed is left. Counts
-- attempts that have ended.
-- Locks: workers, SKIP LOCKED, and those of _fold_attempts. Writes: ops_workers, ops_strays, and what _fold_attempts
-- writes. Raises: errors not caused by the data.
declare
  v_now timestamptz := _now();
  v_ids text[] := array(
    select w.worker_id from ops_workers w
      left join ops_workers_seen i on i.worker_id = w.worker_id
     where (i.idle and i.live_until < v_now)
        or (w.last_seen_at < v_now - interval '7 days' and coalesce(i.live_until, '-infinity') < v_now)
       for update of w skip locked);
  v_from integer := 1;
  v_size integer := cardinality(v_ids);
  v_part text[];
begin
  delete from ops_strays t
   where t.kind = 'row that cannot be changed' and t.noticed_at < v_now - interval '20 minutes';
  while v_from <= cardinality(v_ids) loop
    v_part := v_ids[v_from : v_from + v_size - 1];
    begin
      update ops_workers w set idle = false, asleep_until = null
       where w.worker_id = any (v_part) and (w.idle or w.asleep_until is not null);
      delete from ops_workers w where w.worker_id = any (v_part) and w.last_seen_at < v_now - interval '7 days';
      v_from := v_from + cardinality(v_part);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      v_from := v_from + (cardinality(v_part) = 1)::integer;
      v_size := (cardinality(v_part) + 1) / 2;
    end;
  end loop;
  perform _fold_attempts();
end;
$$;
