create or replace function fn_check_invariants()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether the loop is sound: one row for each broken instance of the invariants, none on a sound database. It reads
-- whole tables: made for tests and quiet hours, not for every minute of a busy one. All of it sees one snapshot (it and
-- what it calls are stable, but for the marks of lanes), so that what happens beside it does not disturb it.
-- A step that was set to queued by hand is reported until the next heartbeat adopts it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select * from _broken_steps()
  union all
  select * from _broken_missions()
  union all
  select * from _broken_proposals()
  union all
  select * from _broken_events()
  union all
  select * from _broken_marks()
  union all
  select * from _broken_locks()
  union all
  select * from _broken_policies();
end;
$$;
comment on function fn_check_invariants() is
  'Whether the loop is sound: one row per broken instance of an invariant (design: one lease and one result, something frees every live step, missions follow from their steps, dependencies first, approvals and caps, reactions once, policy history), none on a sound database. Reads whole tables: for tests and quiet hours.';
