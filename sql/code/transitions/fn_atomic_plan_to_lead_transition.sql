create or replace function fn_atomic_plan_to_lead_transition(
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
-- The transition plan_to_lead by the name that the runbooks call it.
-- Locks: those of fn_atomic_transition. Writes: what it writes. Raises: what it raises.
begin
  return fn_atomic_transition('plan_to_lead', p_sd_id, p_prd_id, p_session_id, p_request_id);
end;
$$;
comment on function fn_atomic_plan_to_lead_transition(text, text, text, text) is
  'The transition plan_to_lead of a directive, all of it or none: fn_atomic_transition by the name of the runbooks.';
