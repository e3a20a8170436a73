create or replace function fn_fail_step(
  p_step_id uuid,
  p_lease_token uuid,
  p_error text,
  p_retryable boolean default true,
  p_retry_after_seconds numeric default null
)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- Takes the report of one failed attempt: a batch of one for fn_fail_steps.
-- Locks: mission, then its steps. Writes: what fn_fail_steps writes. Raises: OP018.
begin
  return (select f.outcome from fn_fail_steps(jsonb_build_array(jsonb_build_object(
    'step_id', p_step_id, 'lease_token', p_lease_token, 'error', p_error, 'retryable', p_retryable,
    'retry_after_seconds', p_retry_after_seconds))) f);
end;
$$;
comment on function fn_fail_step(uuid, uuid, text, boolean, numeric) is
  'Reports a failed attempt. Returns queued (tried again, after p_retry_after_seconds or the backoff of '
  'worker_policy), failed (for good), cancelled, or OPS_006 when the lease is lost. OPS_018 for a malformed argument.';
