create or replace function fn_complete_step(
  p_step_id uuid,
  p_lease_token uuid,
  p_result jsonb default null,
  p_events jsonb default '[]',
  p_outbox jsonb default '[]',
  p_usage jsonb default null
)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- Accepts the result of one leased step: a batch of one for fn_complete_steps.
-- Locks: mission, then step, then the steps it unblocks. Writes: what fn_complete_steps writes. Raises: OP018.
begin
  return (select c.outcome from fn_complete_steps(jsonb_build_array(jsonb_build_object(
    'step_id', p_step_id, 'lease_token', p_lease_token, 'result', p_result, 'events', p_events, 'outbox', p_outbox,
    'usage', p_usage))) c);
end;
$$;
comment on function fn_complete_step(uuid, uuid, jsonb, jsonb, jsonb, jsonb) is
  'Reports the result of a leased step; events and outbox rows commit with it. Returns accepted, or OPS_006 when the '
  'lease is lost (then nothing changed but the evidence kept in ops_action_runs), or OPS_045 when something is too '
  'large: then the step has failed for good. OPS_018 for a malformed argument.';
