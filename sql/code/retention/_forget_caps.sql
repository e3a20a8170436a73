create or replace function _forget_caps(p_proposals uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Deletes the counters of caps up to the last window in which one of these proposals was counted: a counter that says
-- more than there are proposals would look like a fault. Those windows are over, as what is purged ended a day ago.
-- Locks: their rows, SKIP LOCKED. Writes: ops_cap_counters. Raises: nothing.
declare
  v_last timestamptz;
begin
  select max(p.counted_at) into v_last from ops_mission_proposals p where p.id = any (p_proposals);
  delete from ops_cap_counters c
   where c.ctid = any (array(select w.ctid from ops_cap_counters w
                              where w.window_start <= least(v_last, _now() - interval '1 day')
                                for update skip locked));
end;
$$;
