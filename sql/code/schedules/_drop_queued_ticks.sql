create or replace function _drop_queued_ticks(p_name text, p_reason text)
returns void
language plpgsql
set search_path from current
as $$
-- Ends the waiting of the ticks of a schedule that is locked.
-- Locks: none of its own. Writes: ops_schedule_ticks. Raises: nothing.
begin
  update ops_schedule_ticks t
     set outcome = 'skipped', reason = p_reason, taken_at = _now()
   where t.schedule = p_name and t.outcome = 'queued';
end;
$$;
