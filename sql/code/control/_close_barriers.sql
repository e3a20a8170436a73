create or replace function _close_barriers(p_barriers text[])
returns table (stragglers text[], could_still_commit jsonb)
language plpgsql
set search_path from current
as $$
-- Closes these barriers (_pass_barrier) until the caller's transaction ends, and waits for the calls that have passed
-- them: two seconds at most, then it goes on and names the transactions that could still commit what they have done.
-- It polls: a wait in the lock queue could make it part of a deadlock. No new calls pass a closed barrier, so it
-- cannot starve. A session that holds the first lock of a barrier, so that the barrier cannot be closed, is named too:
-- calls may pass as long as it does. A prepared transaction has no pid; it is named by its gid.
-- Locks: advisory (ops_control, 1 to 4), exclusive. Writes: nothing. Raises: nothing.
declare
  v_class constant integer := 'ops_control'::regclass::oid::integer;
  v_deadline constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_firsts constant integer[] := array(select case b when 'claims' then 1 when 'reports' then 3 end
                                       from unnest(p_barriers) b);
  v_locks constant integer[] := v_firsts || array(select f + 1 from unnest(v_firsts) f);
  v_lock integer;
  v_pause double precision := 0.001;
begin
  foreach v_lock in array v_locks loop
    while not pg_try_advisory_xact_lock(v_class, v_lock) loop
      exit when clock_timestamp() > v_deadline;
      perform pg_sleep(v_pause);
      v_pause := least(v_pause * 2, 0.05);
    end loop;
  end loop;
  return query
  select coalesce(array_agg(l.virtualtransaction), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('pid', a.pid, 'gid', a.gid, 'login', a.login,
                                               'application', a.application, 'since', a.since,
                                               'remedy', a.remedy) order by a.since), '[]')
    from (select distinct h.virtualtransaction
            from pg_locks h
           where h.locktype = 'advisory' and h.classid = 'ops_control'::regclass and h.objid::bigint = any (v_locks)
             and h.objsubid = 2 and h.granted and h.pid is distinct from pg_backend_pid()
             and h.database = (select d.oid from pg_database d where d.datname = current_database())) l
   cross join lateral _holder(l.virtualtransaction) a;
end;
$$;
