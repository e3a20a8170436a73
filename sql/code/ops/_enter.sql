create or replace function _enter(p_gate integer)
returns void
language plpgsql
set search_path from current
as $$
-- Said first by every call that starts steps (gate 1) or reports on them (gate 3): from here to the end of its
-- transaction no pause and no kill switch goes by unnoticed. A call passes the gate and takes the shared lock behind it
-- (number p_gate + 1) while it holds the gate, so that nobody is in between; the gate itself is let go at once. Who stops
-- the loop (_hold_calls) keeps the gate closed until he has committed, and so new calls wait for his end, while a
-- session that has entered before goes on: it would else wait for him who waits for it.
-- Locks: advisory ones (ops_control, number), shared: the gate for a moment, the one behind it until the transaction
-- ends. Writes: nothing. Raises: 40001 above read committed when it had to wait, or its snapshot is from before.
declare
  v_class constant integer := 'ops_control'::regclass::oid::integer;
begin
  -- One expression, so that nothing can interrupt it while it holds the gate.
  while not case when pg_try_advisory_lock_shared(v_class, p_gate)
                 then case when pg_try_advisory_xact_lock_shared(v_class, p_gate + 1)
                           then pg_advisory_unlock_shared(v_class, p_gate)
                           else not pg_advisory_unlock_shared(v_class, p_gate) end
                 else false end
  loop
    if exists (select from pg_locks l
                where l.locktype = 'advisory' and l.classid = 'ops_control'::regclass and l.objid in (2, 4)
                  and l.objsubid = 2 and l.granted and l.pid = pg_backend_pid()
                  and l.database = (select d.oid from pg_database d where d.datname = current_database()))
       and pg_try_advisory_xact_lock_shared(v_class, p_gate + 1) then
      return;
    end if;
    perform pg_advisory_lock_shared(v_class, p_gate), pg_advisory_unlock_shared(v_class, p_gate);
    if current_setting('transaction_isolation') <> 'read committed' then
      raise serialization_failure using
        message = 'could not serialize: the loop was paused or stopped since this transaction began',
        hint = 'Try again in a new transaction.';
    end if;
  end loop;
  -- A claim has to see the pauses and the policy of now, a report the epoch: it fails when one has changed since its
  -- snapshot. A report does not wait for whoever is about to change it: who kills waits for the report.
  if current_setting('transaction_isolation') <> 'read committed' then
    begin
      if p_gate = 1 then
        perform from ops_control for share;
        perform from ops_policy for share;
      else
        perform from ops_control for share skip locked;
      end if;
      raise sqlstate 'ZZ000';
    exception when sqlstate 'ZZ000' then null;  -- undoes the block, and with it both locks: nobody shall wait for them
    end;
  end if;
end;
$$;
