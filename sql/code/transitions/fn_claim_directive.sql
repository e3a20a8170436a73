create or replace function fn_claim_directive(p_sd_id text, p_session_id text, p_ttl_seconds integer default 900)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Claims a directive for a session, for p_ttl_seconds; the session that has it already extends it. A claim that has
-- expired is taken over. While it is held, other sessions' transitions are refused; those of its holder extend it.
-- Locks: the directive, never waiting. Writes: sd_session_claims. Raises: OP018 for arguments that cannot be; 40001
-- above read committed, when the directive was changed since the snapshot.
declare
  v_id text := _directive_id(p_sd_id);
  v_now timestamptz;
  v_claim sd_session_claims;
  v_before text;
  v_refusal jsonb;
begin
  if coalesce(p_session_id, '') = '' or p_ttl_seconds is null or p_ttl_seconds not between 1 and 604800 then
    raise exception using errcode = 'OP018',
      message = case when coalesce(p_session_id, '') = ''
                     then format('OPS_018: p_session_id must name a session, not %s', quote_nullable(p_session_id))
                     else format('OPS_018: p_ttl_seconds must be from 1 to 604800, not %s',
                                 coalesce(p_ttl_seconds::text, 'null')) end,
      detail = jsonb_build_object('p_session_id', p_session_id, 'p_ttl_seconds', p_ttl_seconds)::text,
      hint = 'For example: select fn_claim_directive(''SD-1'', ''session-7'');';
  end if;
  if v_id is null then
    return _directive_unknown(p_sd_id);
  end if;
  perform from strategic_directives d where d.id = v_id for no key update skip locked;
  if not found then
    return _directive_busy(v_id);
  end if;
  v_refusal := _claim_refusal(v_id, p_session_id);
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_now := _now();
  select c.session_id into v_before from sd_session_claims c where c.sd_id = v_id;
  insert into sd_session_claims as c (sd_id, session_id, claimed_at, heartbeat_at, expires_at)
  values (v_id, p_session_id, v_now, v_now, v_now + make_interval(secs => p_ttl_seconds))
  on conflict (sd_id) do update
     set session_id = excluded.session_id,
         claimed_at = case when c.session_id = excluded.session_id and c.expires_at > v_now then c.claimed_at
                           else excluded.claimed_at end,
         heartbeat_at = excluded.heartbeat_at,
         expires_at = excluded.expires_at
  returning c.* into v_claim;
  return jsonb_build_object('success', true, 'taken_over_from', nullif(v_before, p_session_id)) || to_jsonb(v_claim);
end;
$$;
comment on function fn_claim_directive(text, text, integer) is
  'Claims a directive, by id or sd_key, for a session and p_ttl_seconds (1 to 604800, default 900), extends the claim '
  'that it has, or takes over one that has expired: {"success": true, "sd_id", "session_id", "claimed_at", '
  '"heartbeat_at", "expires_at", "taken_over_from"}. Refused with OPS_071 while another session has it, OPS_070 while '
  'the directive is being changed, OPS_012 when there is none. OPS_018 for arguments that cannot be.';
