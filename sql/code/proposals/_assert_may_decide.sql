create or replace function _assert_may_decide(p_proposal ops_mission_proposals)
returns void
language plpgsql
set search_path from current
as $$
-- Separation of duty, judged on the login role and not on the claimed actor: nobody decides on what he proposed. A
-- login that may act as the owner of the schema is the control plane and may speak for others.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if session_user = p_proposal.proposed_login
     and not pg_has_role(session_user, (select n.nspowner from pg_namespace n where n.nspname = current_schema()), 'member')
  then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: %s proposed this and may not decide on it', session_user),
      detail = jsonb_build_object('proposal_id', p_proposal.id, 'login', session_user)::text,
      hint = 'Let another login decide.';
  end if;
end;
$$;
