create or replace function _lock_control()
returns void
language plpgsql
set search_path from current
as $$
-- One pause, resume or kill at a time, to the end of its transaction.
-- Locks: an advisory one (ops_control, 0), exclusive; waits two seconds at most. Writes: nothing. Raises: OP023.
declare
  v_class constant integer := 'ops_control'::regclass::oid::integer;
  v_deadline constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_pid integer;
begin
  while not pg_try_advisory_xact_lock(v_class, 0) loop
    if clock_timestamp() > v_deadline then
      select l.pid into v_pid
        from pg_locks l
       where l.locktype = 'advisory' and l.classid = 'ops_control'::regclass and l.objid = 0 and l.objsubid = 2 and l.granted
         and l.database = (select d.oid from pg_database d where d.datname = current_database());
      raise exception using errcode = 'OP023',
        message = format('OPS_023: session %s has paused, resumed or killed and not yet committed', coalesce(v_pid::text, '?')),
        detail = jsonb_build_object('pid', v_pid)::text,
        hint = format('Commit there, or end it: select pg_terminate_backend(%s); then call again.', v_pid);
    end if;
    perform pg_sleep(0.01);
  end loop;
end;
$$;
