create or replace function _keep_audit_log()
returns trigger
language plpgsql
security definer
set search_path from current
as $$
-- Trigger: only a login that may act as the owner of the schema changes or removes rows of the audit log. The login is
-- judged, because a security definer routine runs as the owner for every caller. A statement that would meet no row is
-- refused too. Retention deletes for every login that beats the loop: where policy has history_days,
-- _keep_young_audit_log judges what was deleted.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if not _is_control_plane()
     and not (tg_op = 'DELETE' and exists (select from ops_policy p
                                            where p.key = 'retention' and p.value ->> 'history_days' is not null)) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not %s the audit log, which is append-only', session_user, lower(tg_op)),
      detail = jsonb_build_object('login', session_user, 'operation', lower(tg_op))::text,
      hint = 'Only a login that may act as the owner of the schema removes old rows: log in as one.';
  end if;
  return null;
end;
$$;

-- Only where it is missing: creating a trigger locks the table, and each load of the routines would delay a pause or a
-- kill.
do $$
begin
  if not exists (select from pg_trigger t
                  where t.tgrelid = 'ops_audit_log'::regclass and t.tgname = 'opsloop_audit_keep') then
    create trigger opsloop_audit_keep
    before update or delete or truncate on ops_audit_log
    for each statement execute function _keep_audit_log();
  end if;
end;
$$;
