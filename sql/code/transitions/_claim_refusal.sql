create or replace function _claim_refusal(p_sd_id text, p_session_id text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The refusal when another session than p_session_id has a live claim on the directive; else null.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_claim sd_session_claims;
begin
  select c.* into v_claim
    from sd_session_claims c
   where c.sd_id = p_sd_id and c.expires_at > _now() and c.session_id is distinct from p_session_id;
  if not found then
    return null;
  end if;
  return _refusal('OPS_071',
                  format('directive %s is claimed by session %s since %s; its last sign of life was at %s', p_sd_id,
                         v_claim.session_id, v_claim.claimed_at, v_claim.heartbeat_at),
                  format('Its claim expires at %s unless it goes on; until then that session moves it, or releases it: '
                         'select fn_release_directive(%L, %L);', v_claim.expires_at, p_sd_id, v_claim.session_id),
                  to_jsonb(v_claim));
end;
$$;
