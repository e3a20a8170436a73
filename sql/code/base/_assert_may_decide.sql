create or replace function _assert_may_decide(p_proposal_id uuid, p_proposers text[])
returns void
language plpgsql
set search_path from current
as $$
-- Separation of duty, judged on the login and not on the claimed actor. A login decides only if it has the right
-- itself, whichever routine made the call, and never on what it proposed or caused (p_proposers). A login that may act
-- as the owner of the schema is the control plane: it may speak for others.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  perform _assert_login_may('fn_approve_proposal(uuid, text, text)');
  if _acting_login() = any (p_proposers) and not _is_control_plane() then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: %s proposed this, or what led to it, and may not decide on it', _acting_login()),
      detail = jsonb_build_object('proposal_id', p_proposal_id, 'login', _acting_login(),
                                  'proposers', p_proposers)::text,
      hint = 'Let another login decide.';
  end if;
end;
$$;
