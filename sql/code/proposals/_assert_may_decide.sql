create or replace function _assert_may_decide(p_proposal ops_mission_proposals)
returns void
language plpgsql
set search_path from current
as $$
-- Separation of duty, judged on the login role and not on the claimed actor: a login decides only if it may itself, by
-- whatever routine the call came, and nobody decides on what he proposed. A login that may act as the owner of the schema
-- is the control plane and may speak for others. What came of an event that the loop made itself, nobody proposed.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  perform _assert_login_may('fn_approve_proposal(uuid, text, text)');
  if session_user = p_proposal.proposed_login
     and not _is_control_plane()
  then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: %s proposed this and may not decide on it', session_user),
      detail = jsonb_build_object('proposal_id', p_proposal.id, 'login', session_user)::text,
      hint = 'Let another login decide.';
  end if;
end;
$$;
