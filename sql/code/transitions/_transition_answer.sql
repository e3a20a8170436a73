create or replace function _transition_answer(p_audit sd_transition_audit, p_hit boolean)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The answer to the caller of a completed transition, the same at each call.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object('success', true, 'audit_id', p_audit.id, 'idempotent_hit', p_hit,
                            'stories_updated', p_audit.stories_updated, 'prd_updated', p_audit.prd_updated,
                            'pre_state', p_audit.pre_state, 'post_state', p_audit.post_state,
                            'transition_version', p_audit.transition_version);
end;
$$;
