create or replace function _keep_young_audit_log()
returns trigger
language plpgsql
security definer
set search_path from current
as $$
-- Trigger: a login that may not act as the owner of the schema has deleted rows of the audit log, by retention. They
-- must be older than policy lets them become.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if not _is_control_plane()
     and exists (select from gone g
                  where g.created_at >= _now() - make_interval(days => (
                    select (p.value ->> 'history_days')::integer from ops_policy p where p.key = 'retention'))) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not delete the audit log, which is append-only', session_user),
      detail = jsonb_build_object('login', session_user, 'operation', 'delete')::text,
      hint = 'Only rows older than history_days of the policy document retention go, or by a login that may act as the '
             'owner of the schema.';
  end if;
  return null;
end;
$$;

-- Only where it is missing, as with _keep_audit_log.
do $$
begin
  if not exists (select from pg_trigger t
                  where t.tgrelid = 'ops_audit_log'::regclass and t.tgname = 'opsloop_audit_keep_young') then
    create trigger opsloop_audit_keep_young
    after delete on ops_audit_log
    referencing old table as gone
    for each statement execute function _keep_young_audit_log();
  end if;
end;
$$;
