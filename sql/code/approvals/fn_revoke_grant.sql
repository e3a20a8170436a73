create or replace function fn_revoke_grant(p_grant_id uuid, p_actor text default null, p_reason text default null)
returns boolean
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Ends a grant at once; true when it did, false when it had ended. A transaction that is just using it is waited for.
-- Locks: the grant. Writes: ops_grants, ops_audit_log. Raises: OP012 unknown, OP031.
declare
  v_now constant timestamptz := _now();
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
  v_grant ops_grants;
begin
  begin
    select g.* into v_grant from ops_grants g where g.id = p_grant_id for update;
  exception when lock_not_available then
    perform _raise_held(format('grant %s', p_grant_id), 'ops_grants');
  end;
  if v_grant.id is null then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: no grant %s', coalesce(p_grant_id::text, 'null')),
      hint = 'select * from fn_list_grants(); lists the newest.';
  end if;
  if v_grant.revoked_at is not null or v_grant.until <= v_now or v_grant.uses >= v_grant.max_uses then
    return false;
  end if;
  update ops_grants g
     set revoked_at = v_now, revoked_by = v_actor, revoked_login = _acting_login()
   where g.id = p_grant_id;
  perform _audit('revoke_grant', 'grant', p_grant_id::text, v_actor, p_reason,
    jsonb_build_object('uses', v_grant.uses, 'granted_login', v_grant.granted_login));
  return true;
end;
$$;
comment on function fn_revoke_grant(uuid, text, text) is
  'Ends a grant at once as p_actor (default: the login); true when it did, false when it had ended. OPS_012 unknown.';
