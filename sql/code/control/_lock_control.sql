create or replace function _lock_control()
returns void
language plpgsql
set search_path from current
as $$
-- One pause, resume or kill at a time, to the end of its transaction. It is a row lock, not an advisory lock: any login
-- could take an advisory lock and so keep others from stopping the loop. The row is also updated, which fails a claim
-- whose snapshot is older (_pass_barrier).
-- Locks: ops_control, FOR NO KEY UPDATE; waits two seconds at most. Writes: ops_control. Raises: OP023.
declare
  v_deadline constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_holder record;
begin
  loop
    perform from ops_control for no key update skip locked;
    exit when found;
    if clock_timestamp() > v_deadline then
      select h.* into v_holder
        from (values ((select l.virtualtransaction
                         from ops_control c
                         join pg_locks l on l.locktype = 'transactionid' and l.transactionid = c.xmax and l.granted
                          and l.mode = 'ExclusiveLock'))) l (virtualtransaction)
       cross join lateral _holder(l.virtualtransaction) h;
      raise exception using errcode = 'OP023',
        message = format('OPS_023: %s has paused, resumed or killed and not yet committed', v_holder.name),
        detail = jsonb_build_object('pid', v_holder.pid, 'gid', v_holder.gid, 'login', v_holder.login)::text,
        hint = format('Commit it, or end it: %s Then call again.', v_holder.remedy);
    end if;
    perform pg_sleep(0.01);
  end loop;
  update ops_control c set epoch = c.epoch;
end;
$$;
