create or replace function _fail_waits(p_step_ids uuid[], p_errors text[], p_codes text[])
returns void
language plpgsql
set search_path from current
as $$
-- Parked steps that no worker runs have failed, for good: their attempt was the only one. The caller holds the missions
-- and their steps.
-- Locks: none of its own. Writes: ops_action_runs, and what _begin_waits and _fail_for_good write. Raises: nothing.
declare
  v_errors constant text[] := array(select c || ': ' || e from unnest(p_codes, p_errors) with ordinality n (c, e, nth)
                                     order by n.nth);
begin
  perform _begin_waits(p_step_ids);
  perform _record_attempts(p_step_ids, 'failed', _now(), v_errors, p_codes);
  update ops_mission_steps s set failure_count = s.failure_count + 1 where s.id = any (p_step_ids);
  perform _fail_for_good(p_step_ids, v_errors, p_codes);
end;
$$;
