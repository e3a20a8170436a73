create or replace function _broken_queue()
returns table (invariant text, subject text, detail text)
language plpgsql
volatile
set search_path from current
as $$
-- Rows of ops_ready at or below the low-water mark of their lane, or of no lane: no claim would find them. Marks only
-- rise: they are read first, and the rows by a later snapshot (hence volatile, unlike its siblings). Above read
-- committed there is no later snapshot, and nothing is checked.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_lanes integer[];
  v_marks bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  select array_agg(l.lane), array_agg(_lane_mark(l.mark, l.mark_table, l.mark_server_start, 'ops_ready'::regclass))
    into v_lanes, v_marks
    from ops_lanes l;
  return query
  select '2 something frees all that waits', 'ready ' || r.id::text,
         format('number %s of lane %s is below the mark %s', r.seq, m.lane, m.mark)
    from unnest(v_lanes, v_marks) m (lane, mark)
    join ops_ready r on r.lane = m.lane and r.seq <= m.mark
   where not exists (select from ops_late_enqueuers e where e.lane = m.lane and e.floor < r.seq)
  union all
  select '2 something frees all that waits', 'ready ' || r.id::text, format('there is no lane %s', r.lane)
    from ops_ready r
   where not exists (select from ops_lanes l where l.lane = r.lane);
end;
$$;
