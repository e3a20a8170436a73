create or replace function _pass_barrier(p_barrier text)
returns void
language plpgsql
set search_path from current
as $$
-- The first statement of every call that starts steps (claims) or reports on them (reports): from here to the end of
-- its transaction no pause and no kill switch goes unnoticed. Each barrier is two advisory locks. A call holds the
-- first, shared, for the moment in which it takes the second, shared, which it keeps. _close_barriers takes the first,
-- exclusive, and then waits for the second: so no call is ever between the two. A session that passed before in the
-- same transaction passes a closed barrier: it would else wait for the call that waits for it.
-- Any login may take the advisory locks of a closed barrier, and an open transaction may keep them: a call waits for
-- five seconds, or for its own lock_timeout, and then says which transaction it is. A pause or kill keeps its barriers
-- closed for two.
-- Locks: advisory (ops_control, 1 and 2 for claims, 3 and 4 for reports), shared; the second until the transaction
-- ends. Writes: nothing. Raises: 40001 above read committed when it had to wait, or when its snapshot is older than a
-- change of pauses, policy or epoch; OP023 when the barrier stayed closed.
declare
  v_class constant integer := 'ops_control'::regclass::oid::integer;
  v_first constant integer := case p_barrier when 'claims' then 1 when 'reports' then 3 end;
  v_patience constant text := current_setting('lock_timeout');
  v_holder record;
begin
  -- One expression, so that nothing can interrupt it while it holds the first lock.
  while not case when pg_try_advisory_lock_shared(v_class, v_first)
                 then case when pg_try_advisory_xact_lock_shared(v_class, v_first + 1)
                           then pg_advisory_unlock_shared(v_class, v_first)
                           else not pg_advisory_unlock_shared(v_class, v_first) end
                 else false end
  loop
    if exists (select from pg_locks l
                where l.locktype = 'advisory' and l.classid = 'ops_control'::regclass and l.objid in (2, 4)
                  and l.objsubid = 2 and l.granted and l.pid = pg_backend_pid()
                  and l.database = (select d.oid from pg_database d where d.datname = current_database()))
       and pg_try_advisory_xact_lock_shared(v_class, v_first + 1) then
      return;
    end if;
    begin
      if v_patience = '0' then
        perform set_config('lock_timeout', '5s', true);
      end if;
      perform pg_advisory_lock_shared(v_class, v_first), pg_advisory_unlock_shared(v_class, v_first);
      perform pg_advisory_lock_shared(v_class, v_first + 1), pg_advisory_unlock_shared(v_class, v_first + 1);
      perform set_config('lock_timeout', v_patience, true);
    exception when lock_not_available then
      select h.* into v_holder
        from (values ((select min(l.virtualtransaction)
                         from pg_locks l
                        where l.locktype = 'advisory' and l.classid = 'ops_control'::regclass
                          and l.objid::integer in (v_first, v_first + 1) and l.objsubid = 2 and l.granted
                          and l.mode = 'ExclusiveLock'
                          and l.database = (select d.oid from pg_database d where d.datname = current_database())
                      ))) l (virtualtransaction)
       cross join lateral _holder(l.virtualtransaction) h;
      raise exception using errcode = 'OP023',
        message = format('OPS_023: the barrier of %s is closed by %s', p_barrier, v_holder.name),
        detail = jsonb_build_object('barrier', p_barrier, 'pid', v_holder.pid, 'gid', v_holder.gid,
                                    'login', v_holder.login)::text,
        hint = format('Commit or end it: %s The call is tried again later; nothing was changed.', v_holder.remedy);
    end;
    if current_setting('transaction_isolation') <> 'read committed' then
      raise serialization_failure using
        message = 'could not serialize: the loop was paused or stopped since this transaction began',
        hint = 'Try again in a new transaction.';
    end if;
  end loop;
  -- A claim has to see the pauses and the policy of now, a report the epoch of now: each fails when one of them has
  -- changed since its snapshot. A report does not wait for a change that is not committed: the kill switch waits for
  -- the report.
  if current_setting('transaction_isolation') <> 'read committed' then
    begin
      if p_barrier = 'claims' then
        perform from ops_control for share;
        perform from ops_policy for share;
      else
        perform from ops_control for share skip locked;
      end if;
      raise sqlstate 'ZZ000';
    exception when sqlstate 'ZZ000' then null;  -- undoes the block and with it both row locks: nobody waits for them
    end;
  end if;
end;
$$;
