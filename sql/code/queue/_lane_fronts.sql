create or replace function _lane_fronts(p_lanes integer[])
returns bigint[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
-- The front of each of these lanes, in their order: the seq of the first row that the snapshot sees, null for none.
-- Each is one probe of the primary key of ops_ready, which begins behind the low-water mark of the lane: so it never
-- scans the dead tuples of rows that were taken before.
-- The exception is a late enqueuer: a transaction that stayed open for so long that the mark has passed its floor
-- (ops_late_enqueuers). After its end its rows may lie below the mark. Then the probe begins behind its floor, until
-- none of them is left there, and its entry is deleted.
-- A mark that lies more than 1,000 seqs behind is moved, by one session at a time; if it lies 5,000 behind, by any
-- session, as that one may keep its transaction open.
-- Locks: advisory ones (ops_lanes, 0 and 1), never waiting; rows of ops_late_enqueuers and ops_lanes, SKIP LOCKED.
-- Writes: marks; ops_late_enqueuers and ops_lanes, seldom. Raises: nothing.
declare
  c_worth constant bigint := 1000;
  v_ready constant oid := 'ops_ready'::regclass;
  v_movers constant integer := 'ops_lanes'::regclass::oid::integer;
  v_last bigint := _last_ready_number();
  v_ended xid[];
  v_forget boolean;
  v_floors jsonb := '{}';
  v_marks bigint[];
  v_fronts bigint[];
  v_lags integer[];
  v_most bigint;
begin
  -- Which late enqueuers have ended is read before the statement that looks for their rows: its snapshot sees them all.
  if exists (select from ops_late_enqueuers e where e.lane = any (p_lanes)) then
    select array_agg(e.holder) into v_ended
      from ops_late_enqueuers e
     where e.lane = any (p_lanes) and e.holder not in (select a.holder from _open_enqueuers(v_last) a);
    select coalesce(jsonb_object_agg(f.lane, f.floor), '{}') into v_floors
      from (select e.lane, min(e.floor) as floor
              from ops_late_enqueuers e
             where e.lane = any (p_lanes) and e.holder = any (v_ended)
             group by e.lane) f;
    -- Their entries are deleted once none of their rows lies below the mark. Two conditions make that certain: the
    -- snapshot is from after their end (read committed), and no session moves marks meanwhile (the exclusive lock). A
    -- session that read their locks before their end would move the mark past rows that it does not see.
    v_forget := v_ended is not null and current_setting('transaction_isolation') = 'read committed'
                and pg_try_advisory_xact_lock(v_movers, 1);
  end if;

  select array_agg(f.mark), array_agg(f.front),
         array_agg(f.lane) filter (where coalesce(f.front, v_last) - f.mark > c_worth),
         max(coalesce(f.front, v_last) - f.mark)
    into v_marks, v_fronts, v_lags, v_most
    from (select n.lane, m.mark,
                 -- One probe of the index.
                 (select r.seq from ops_ready r
                   where r.lane = n.lane and r.seq > least(m.mark, (v_floors ->> n.lane::text)::bigint)
                   order by r.seq limit 1) as front
            from unnest(p_lanes) with ordinality n (lane, nth)
            left join ops_lanes l on l.lane = n.lane
           cross join lateral (
             select _lane_mark(l.mark, l.mark_table, l.mark_server_start, v_ready) as mark) m
           order by n.nth) f;

  if v_forget then
    delete from ops_late_enqueuers
     where ctid = any (array(
       select e.ctid
         from ops_late_enqueuers e
         join unnest(p_lanes, v_marks, v_fronts) f (lane, mark, front) on f.lane = e.lane
        where e.holder = any (v_ended) and (f.front is null or f.front > f.mark)
          for update of e skip locked));
  end if;
  if v_lags is not null and (pg_try_advisory_xact_lock(v_movers, 0) or v_most > 5 * c_worth) then
    perform _move_marks(v_lags);
  end if;
  return v_fronts;
end;
$$;
