create or replace function _duty_queue()
returns void
language plpgsql
set search_path from current
set lock_timeout = '100ms'
as $$
-- For the heartbeat, every ten seconds: drops lanes of steps that were empty for an hour, and the sequences of their
-- marks, in four turns that must each see the one before committed:
-- (1) A lane that was empty at every look for an hour is closed: enqueuers no longer choose it (closing is 0).
-- (2) closing becomes the last seq drawn. An enqueuer that announces itself after that draws a higher seq, and sees
--     that the lane is closed; above read committed it locks the lane, and fails.
-- (3) When no enqueuer with that seq or a lower one is open, nothing can come any more. A lane that is empty is
--     deleted; claims read one that is not until it is.
-- (4) The sequence is dropped, when no statement that has seen the lane can still be about to read its mark.
-- Steps that are enqueued later make a lane anew. Looks that find rows are written down once in an hour at most: claims
-- read this table, and a held snapshot keeps its dead tuples.
-- Locks: rows of ops_lanes, SKIP LOCKED; the sequences it drops, 100 ms at most. Writes: ops_lanes. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_last bigint;
  v_floor bigint;
  v_mark regclass;
  v_closed integer[];
begin
  -- Above read committed rows that were committed meanwhile are not seen.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  for v_mark in
    select c.oid::regclass
      from pg_class c
     where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'S'
       and c.relname like E'ops\\_lane\\_mark\\_%' and not exists (select from ops_lanes l where l.mark = c.oid)
     limit 100
  loop
    begin
      execute format('drop sequence %s', v_mark);
    exception when lock_not_available then
      -- A dump is reading it. A later turn drops it.
      exit;
    when dependent_objects_still_exist then
      -- Something of others is made of it: the next one is looked at.
      null;
    end;
  end loop;

  -- The last seq before the locks of the enqueuers, as _open_enqueuers asks, and both before the rows: an enqueuer that
  -- has ended by then has committed its rows.
  v_last := _last_ready_number();
  select min(e.floor) into v_floor from _open_enqueuers(v_last) e;
  delete from ops_lanes
   where ctid = any (array(
     select l.ctid from ops_lanes l
      where l.closing > 0 and l.closing < coalesce(v_floor, v_last + 1)
        and not exists (select from ops_ready r where r.lane = l.lane)
        and not exists (select from ops_late_enqueuers e where e.lane = l.lane)
        for update skip locked));
  v_closed := array(select l.lane from ops_lanes l where l.closing = 0 for update skip locked);
  -- The last seq after the closing was seen.
  v_last := _last_ready_number();
  update ops_lanes set closing = v_last where lane = any (v_closed);

  update ops_lanes u
     set closing = case when n.idle_since <= v_now - interval '1 hour' and not n.is_used then 0 end,
         idle_since = case when not n.is_used then coalesce(n.idle_since, v_now) end
    from (select l.lane, l.idle_since, exists (select from ops_ready r where r.lane = l.lane) as is_used
            from ops_lanes l
           where l.queue = 'steps' and l.closing is null
             for update skip locked) n
   where u.lane = n.lane
     and (n.idle_since <= v_now - interval '1 hour' or (n.idle_since is null and not n.is_used));
end;
$$;
