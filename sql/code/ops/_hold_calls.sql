create or replace function _hold_calls(p_gates integer[])
returns table (stragglers text[], could_still_commit jsonb)
language plpgsql
set search_path from current
as $$
-- Closes these gates (_enter) until the caller's transaction ends, and waits for the calls that have passed them: two
-- seconds at most, then goes on regardless and says whose transactions could still commit what they have done.
-- It polls: waiting in line for a lock, it could be taken for a part of a deadlock. Calls behind a closed gate
-- become no more, so that it cannot starve. Who holds a gate himself, so that it cannot be closed, is named too: calls
-- may slip by as long as he does.
-- Locks: advisory ones (ops_control, number), exclusive. Writes: nothing. Raises: nothing.
declare
  v_class constant integer := 'ops_control'::regclass::oid::integer;
  v_deadline constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_behind constant integer[] := array(select g + 1 from unnest(p_gates) g);
  v_lock integer;
  v_pause double precision := 0.001;
begin
  foreach v_lock in array p_gates || v_behind loop
    while not pg_try_advisory_xact_lock(v_class, v_lock) loop
      exit when clock_timestamp() > v_deadline;
      perform pg_sleep(v_pause);
      v_pause := least(v_pause * 2, 0.05);
    end loop;
  end loop;
  return query
  select coalesce(array_agg(l.virtualtransaction), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('pid', l.pid, 'login', a.usename, 'application', a.application_name,
                                               'since', a.xact_start) order by a.xact_start), '[]')
    from (select distinct h.pid, h.virtualtransaction
            from pg_locks h
           where h.locktype = 'advisory' and h.classid = 'ops_control'::regclass and h.objid::bigint = any (p_gates || v_behind)
             and h.objsubid = 2 and h.granted and h.pid is distinct from pg_backend_pid()
             and h.database = (select d.oid from pg_database d where d.datname = current_database())) l
    left join pg_stat_activity a on a.pid = l.pid;
end;
$$;
