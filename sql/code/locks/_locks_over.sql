create or replace function _locks_over(out oldest timestamptz, out said text)
language plpgsql
stable
set search_path from current
as $$
-- The lock whose time has been over for longest and that nobody can take, as an open transaction holds its row: since
-- when, and in words, with the statement that ends the transaction. An expired lock that nobody holds is free. Looked
-- for among the 1,000 locks that expired first.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_lock record;
  v_holder record;
begin
  for v_lock in
    select d.lock_name, d.holder_id, d.expires_at, d.held_by
      from (select l.lock_name, l.holder_id, l.expires_at, l.xmax as held_by from distributed_locks l
             where l.expires_at < v_now order by l.expires_at limit 1000) d
     where d.held_by <> '0'::xid
     order by d.expires_at
     limit 20
  loop
    select h.name, h.since, h.remedy into v_holder
      from _row_holder(array[v_lock.held_by], array['distributed_locks'::regclass]) h;
    if found then
      oldest := v_lock.expires_at;
      said := format('lock %s of %s, over for %s: %s holds its row%s: %s', v_lock.lock_name, v_lock.holder_id,
                     date_trunc('second', _time_between(oldest, v_now)), v_holder.name,
                     ' since ' || date_trunc('second', v_holder.since)::text, v_holder.remedy);
      return;
    end if;
  end loop;
end;
$$;
