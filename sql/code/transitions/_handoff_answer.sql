create or replace function _handoff_answer(p_handoff sd_phase_handoffs, p_answer jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The answer to the caller of a handoff: the row that it left, and the answer of its transition or the refusal.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return p_answer || jsonb_build_object('handoff_id', p_handoff.id, 'handoff_type', p_handoff.handoff_type,
                                        'status', p_handoff.status, 'sd_id', p_handoff.sd_id,
                                        'from_phase', p_handoff.from_phase, 'to_phase', p_handoff.to_phase,
                                        'gates', p_handoff.scores, 'execution_time_ms', p_handoff.execution_time_ms);
end;
$$;
