create or replace function _earlier_answer(p_request_id text, p_transition_type text, p_sd_id text)
returns jsonb
language plpgsql
set search_path from current
as $$
-- The answer to a request that was completed before: the first one, marked as a hit; a refusal when that was another
-- transition or of another directive; null when it never was completed.
-- Locks: none. Writes: ops_counts. Raises: nothing.
declare
  v_audit sd_transition_audit;
begin
  select a.* into v_audit from sd_transition_audit a where a.request_id = p_request_id and a.status = 'completed';
  if not found then
    return null;
  end if;
  if (v_audit.sd_id, v_audit.transition_type) is distinct from (p_sd_id, p_transition_type) then
    return _refusal('OPS_075',
                    format('request %s was %s of directive %s already', p_request_id, v_audit.transition_type,
                           v_audit.sd_id),
                    'Give each request an id of its own.',
                    jsonb_build_object('request_id', p_request_id, 'audit_id', v_audit.id, 'sd_id', v_audit.sd_id,
                                       'transition_type', v_audit.transition_type));
  end if;
  perform _count('opsloop_transition_idempotent_hits_total');
  return _transition_answer(v_audit, true);
end;
$$;
