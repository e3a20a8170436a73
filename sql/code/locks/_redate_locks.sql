create or replace function _redate_locks(p_lock_name text)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat: where this lock of its own was acquired at a time that is still to come, the server's clock was
-- set back since. Then the end of every lock of that kind moves back as far as its beginning, and its holder has it for
-- as long as it was acquired for, from now.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks. Raises: nothing.
declare
  -- The clock is read before a row is locked: another session may have acquired it a moment later.
  v_now timestamptz := _now() + interval '1 second';
begin
  if not exists (select from distributed_locks l where l.lock_name = p_lock_name and l.acquired_at > v_now
                                                 and isfinite(l.acquired_at)) then
    return;
  end if;
  update distributed_locks d
     set expires_at = _redated(d.expires_at, d.acquired_at, v_now), acquired_at = v_now
   where d.lock_name = any (array(select l.lock_name from distributed_locks l
                                   where l.acquired_at > v_now and isfinite(l.acquired_at)
                                   order by l.lock_name
                                     for no key update skip locked));
end;
$$;
