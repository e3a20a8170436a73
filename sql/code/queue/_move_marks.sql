create or replace function _move_marks(p_lanes integer[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Moves the low-water mark of each of these lanes up to just before its first row, or to the last seq drawn where it
-- has none. A mark stops at the floor of an open enqueuer (_open_enqueuers), whose rows no other session sees yet.
-- An enqueuer that stays open while 10,000 seqs go by must not hold the marks back for ever. It is late: this call
-- records it in ops_late_enqueuers, and a later call, which sees that entry committed, lets the mark pass its floor.
-- _lane_fronts then looks for its rows below the mark.
-- No row is lost, because of the order of three reads:
-- (1) The last seq drawn. No mark goes above it. An enqueuer whose lock is missing in (2) since it has only begun draws
--     the seqs of its rows later, and so above this one.
-- (2) The locks of the open enqueuers. Where a lock is missing since its transaction has ended, (3) sees its rows:
--     PostgreSQL makes a commit visible before it releases the locks.
-- (3) The rows, by the snapshot of a later statement. Above read committed there is none: no mark is moved.
-- A value that was safe once stays safe. So two calls at once may set a mark too low, never too high. A transaction
-- that has written moves no marks: it does not see the rows that it took itself, and a rollback brings them back.
-- Locks: an advisory one (ops_lanes, 1), shared, never waiting; rows of ops_lanes, SKIP LOCKED. Writes: marks;
-- ops_lanes and ops_late_enqueuers, seldom. Raises: nothing.
declare
  c_behind constant bigint := 10000;
  v_ready constant oid := 'ops_ready'::regclass;
  v_last bigint;
  v_open xid[];
  v_floors bigint[];
  v_lane record;
  v_late xid[];
  v_want bigint;
  v_to bigint;
begin
  -- The lock fails while a session decides which late enqueuers to forget: marks stay where they are meanwhile.
  if pg_current_xact_id_if_assigned() is not null or current_setting('transaction_isolation') <> 'read committed'
     or not pg_try_advisory_xact_lock_shared('ops_lanes'::regclass::oid::integer, 1) then
    return;
  end if;
  v_last := _last_ready_number();
  select array_agg(a.holder), array_agg(a.floor) into v_open, v_floors from _open_enqueuers(v_last) a;

  for v_lane in
    select l.lane, l.mark, _lane_mark(l.mark, l.mark_table, l.mark_server_start, v_ready) as value,
           (l.mark_table = v_ready and l.mark_server_start = pg_postmaster_start_time()) is not true as stale
      from ops_lanes l
     where l.lane = any (p_lanes)
  loop
    select array_agg(e.holder) into v_late from ops_late_enqueuers e where e.lane = v_lane.lane;
    v_want := least(v_last, (
      select r.seq - 1 from ops_ready r where r.lane = v_lane.lane and r.seq > v_lane.value order by r.seq limit 1));
    select least(v_want, min(o.floor)) into v_to
      from unnest(v_open, v_floors) o (holder, floor)
     where o.holder = any (v_late) is not true;

    if v_to > v_lane.value or v_lane.stale then
      perform setval(v_lane.mark, v_to);
    end if;
    if v_lane.stale then
      update ops_lanes set mark_table = v_ready, mark_server_start = pg_postmaster_start_time()
       where ctid = any (array(select l.ctid from ops_lanes l where l.lane = v_lane.lane for update skip locked));
    end if;
    if v_to < v_want - c_behind then
      insert into ops_late_enqueuers (lane, holder, floor)
      select v_lane.lane, o.holder, o.floor
        from unnest(v_open, v_floors) o (holder, floor)
       where o.floor < v_want - c_behind and o.holder = any (v_late) is not true;
    end if;
  end loop;
end;
$$;
