create or replace function fn_atomic_lead_to_plan_transition(
  p_sd_id text,
  p_prd_id text default null,
  p_session_id text default null,
  p_request_id text default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- The transition lead_to_plan by the name that the runbooks call it.
-- Locks: those of fn_atomic_transition. Writes: what it writes. Raises: what it raises.
begin
  return fn_atomic_transition('lead_to_plan', p_sd_id, p_prd_id, p_session_id, p_request_id);
end;
$$;
comment on function fn_atomic_lead_to_plan_transition(text, text, text, text) is
  'The transition lead_to_plan of a directive, all of it or none: fn_atomic_transition by the name of the runbooks.';
