create or replace function _assert_may_decide(p_proposal_id uuid, p_proposed_login text)
returns void
language plpgsql
set search_path from current
as $$
-- Separation of duty, judged on the login and not on the claimed actor. A login decides only if it has the right
-- itself, whichever routine made the call, and never on its own proposal. A login that may act as the owner of the
-- schema is the control plane: it may speak for others. p_proposed_login is null for a proposal that an event of the
-- loop itself led to: that has no proposer.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  perform _assert_login_may('fn_approve_proposal(uuid, text, text)');
  if session_user = p_proposed_login and not _is_control_plane() then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: %s proposed this and may not decide on it', session_user),
      detail = jsonb_build_object('proposal_id', p_proposal_id, 'login', session_user)::text,
      hint = 'Let another login decide.';
  end if;
end;
$$;
