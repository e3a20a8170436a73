create or replace function _refuse_steps(p_faults jsonb, p_holds jsonb, p_run uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: fails the steps whose placeholders have no value and parks those that policy no longer covers; both by
-- id, {"code", "reason"}.
-- Locks: the missions of these and of p_run, then all their steps: the claim locks p_run next, and must not wait for
-- an earlier mission then. Writes: what a parked and a failed step write. Raises: nothing.
declare
  v_ids uuid[];
  v_codes text[];
  v_reasons text[];
begin
  perform _lock_missions_of(p_run || array(select k::uuid from jsonb_object_keys(p_faults || p_holds) k));
  select array_agg(s.id), array_agg(h.value ->> 'code'), array_agg(h.value ->> 'reason') into v_ids, v_codes, v_reasons
    from jsonb_each(p_holds) h
   -- Looked up by its key, limit 1: as in _enqueue_steps.
   cross join lateral (select t.id, t.status from ops_mission_steps t where t.id = h.key::uuid limit 1) s
   where s.status = 'queued';
  if v_ids is not null then
    perform _park_steps(v_ids, 'person', v_codes, v_reasons);
  end if;
  select array_agg(s.id), array_agg(f.value ->> 'code'),
         array_agg(concat_ws(': ', f.value ->> 'code', f.value ->> 'reason'))
    into v_ids, v_codes, v_reasons
    from jsonb_each(p_faults) f
   cross join lateral (select t.id, t.status from ops_mission_steps t where t.id = f.key::uuid limit 1) s
   where s.status = 'queued';
  if v_ids is not null then
    perform _fail_for_good(v_ids, v_reasons, v_codes);
  end if;
end;
$$;
