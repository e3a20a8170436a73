create or replace function _directive_state(p_directive strategic_directives, p_requirement product_requirements)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The record that the log of transitions keeps of a directive and the requirement that was named, before and after.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object('sd_phase', p_directive.current_phase, 'sd_status', p_directive.status,
                            'transition_version', p_directive.transition_version, 'prd_status', p_requirement.status,
                            'prd_phase', p_requirement.phase);
end;
$$;
