create or replace function _refuse_steps(p_faults jsonb, p_holds jsonb, p_run uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: fails the steps whose placeholders have no value and parks those that policy no longer covers; both by
-- id, with the reason.
-- Locks: the missions of these and of p_run, then all their steps: the claim locks p_run next, and must not wait for
-- an earlier mission then. Writes: ops_mission_steps, and what a parked and a failed step write. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_parked uuid[];
begin
  perform _lock_missions_of(p_run || array(select k::uuid from jsonb_object_keys(p_faults || p_holds) k));
  with parked as (
    update ops_mission_steps s
       set status = 'waiting', wait_reason = h.value, updated_at = v_now
      from jsonb_each_text(p_holds) h
     -- The list: as in _accept_results.
     where s.id = h.key::uuid and s.id = any (array(select k::uuid from jsonb_object_keys(p_holds) k)) and s.status = 'queued'
    returning s.id
  )
  select array_agg(p.id) into v_parked from parked p;
  if v_parked is not null then
    perform _note_waiting(v_parked);
  end if;
  if p_faults <> '{}' then
    perform _fail_for_good(array_agg(s.id), array_agg('OPS_004: ' || f.value))
       from jsonb_each_text(p_faults) f
      -- Looked up by its key, limit 1: as in _enqueue_steps.
      cross join lateral (select t.id, t.status from ops_mission_steps t where t.id = f.key::uuid limit 1) s
      where s.status = 'queued'
     having count(*) > 0;
  end if;
end;
$$;
