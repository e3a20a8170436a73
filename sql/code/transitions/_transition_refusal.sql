create or replace function _transition_refusal(
  p_directive strategic_directives,
  p_rule jsonb,
  p_session_id text,
  p_expected_version integer
)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- Why a directive cannot take a transition now; null when it can.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_directive.status = any (_ended_directive_statuses()) then
    return _refusal('OPS_076', format('directive %s is %s and takes no transition', p_directive.id, p_directive.status),
                    'Give it another status first if it shall go on.',
                    jsonb_build_object('sd_id', p_directive.id, 'status', p_directive.status));
  end if;
  if p_rule ? 'from' and jsonb_typeof(p_rule -> 'from') = 'array' and not p_rule -> 'from' ? p_directive.current_phase
  then
    return _refusal('OPS_072',
                    format('directive %s is in phase %s; this transition starts from %s', p_directive.id,
                           p_directive.current_phase,
                           (select coalesce(string_agg(f, ' or '), 'none')
                              from jsonb_array_elements_text(p_rule -> 'from') f)),
                    'Take the transition that starts from its phase: fn_show_directive() lists them.',
                    jsonb_build_object('sd_id', p_directive.id, 'found', p_directive.current_phase,
                                       'expected', p_rule -> 'from'));
  end if;
  if p_expected_version <> p_directive.transition_version then
    return _refusal('OPS_073',
                    format('directive %s has version %s, not %s', p_directive.id, p_directive.transition_version,
                           p_expected_version),
                    'Another transition was completed since that version was read: read the directive again.',
                    jsonb_build_object('sd_id', p_directive.id, 'found', p_directive.transition_version,
                                       'expected', p_expected_version));
  end if;
  return _claim_refusal(p_directive.id, p_session_id);
end;
$$;
