create or replace function fn_release_directive(p_sd_id text, p_session_id text)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Gives a claim back. Only its holder can, and only while it is held.
-- Locks: the directive, never waiting. Writes: sd_session_claims. Raises: 40001 above read committed, when the
-- directive was changed since the snapshot.
declare
  v_id text := _directive_id(p_sd_id);
begin
  if v_id is null then
    return _directive_unknown(p_sd_id);
  end if;
  perform from strategic_directives d where d.id = v_id for no key update skip locked;
  if not found then
    return _directive_busy(v_id);
  end if;
  delete from sd_session_claims c where c.sd_id = v_id and c.session_id = p_session_id and c.expires_at > _now();
  if found then
    return jsonb_build_object('success', true, 'sd_id', v_id, 'session_id', p_session_id);
  end if;
  return coalesce(_claim_refusal(v_id, p_session_id),
                  _refusal('OPS_071', format('session %s has no claim on directive %s', p_session_id, v_id),
                           'It expired, or was never made: nobody holds the directive.',
                           jsonb_build_object('sd_id', v_id, 'session_id', p_session_id)));
end;
$$;
comment on function fn_release_directive(text, text) is
  'Gives back the claim that a session has on a directive: {"success": true, "sd_id", "session_id"}. Refused with '
  'OPS_071 when the session does not hold it (any more), OPS_070 while the directive is being changed, OPS_012 when '
  'there is none.';
