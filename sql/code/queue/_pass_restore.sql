create or replace function _pass_restore()
returns void
language plpgsql
set search_path from current
as $$
-- Called before a transaction first writes to a table that fn_after_restore locks: a restore that is not committed is
-- waited for, two seconds or the caller's lock_timeout, and then named. The advisory lock keeps this free of waits and
-- of exception blocks while there is no restore. It only says where to look: any login may take it, and whether a
-- restore is open is asked of the lock on ops_ready.
-- Locks: advisory (ops_control, 5), shared, until the transaction ends; ops_ready, ROW EXCLUSIVE, where it waited.
-- Writes: nothing. Raises: OP023.
declare
  v_patience text;
  v_holder record;
begin
  if pg_try_advisory_xact_lock_shared('ops_control'::regclass::oid::integer, 5) then
    return;
  end if;
  begin
    v_patience := current_setting('lock_timeout');
    if v_patience = '0' then
      perform set_config('lock_timeout', '2s', true);
    end if;
    lock table ops_ready in row exclusive mode;
    perform set_config('lock_timeout', v_patience, true);
  exception when lock_not_available then
    select h.* into v_holder
      from (values ((select min(l.virtualtransaction)
                       from pg_locks l
                      where l.relation = 'ops_ready'::regclass and l.granted
                        and l.mode in ('ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                        and l.database = (select d.oid from pg_database d where d.datname = current_database())
                    ))) l (virtualtransaction)
     cross join lateral _holder(l.virtualtransaction) h;
    raise exception using errcode = 'OP023',
      message = format('OPS_023: %s restores the loop and has not committed yet', v_holder.name),
      detail = jsonb_build_object('pid', v_holder.pid, 'gid', v_holder.gid, 'login', v_holder.login)::text,
      hint = format('Commit it, or end it: %s Then call again; nothing was changed.', v_holder.remedy);
  end;
end;
$$;
