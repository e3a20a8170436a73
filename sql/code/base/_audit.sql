create or replace function _audit(
  p_action text,
  p_subject_type text,
  p_subject_id text,
  p_actor text,
  p_reason text default null,
  p_detail jsonb default '{}'
)
returns void
language plpgsql
set search_path from current
as $$
-- The one writer of ops_audit_log. Routines that pause, resume, kill, vote, approve, reject, retry, resolve, cancel,
-- set policy or redrive call it once for each effect, in the transaction of the effect, and not for a repeat that
-- changes nothing.
-- Locks: none. Writes: ops_audit_log. Raises: OP018 for an actor of more than 500 characters or a reason of more
-- than 10,000.
begin
  perform _check_text('p_actor', p_actor, 500);
  perform _check_text('p_reason', p_reason, 10000);
  insert into ops_audit_log (created_at, action, subject_type, subject_id, login, actor, reason, detail, versions)
  values (_now(), p_action, p_subject_type, coalesce(p_subject_id, ''), _acting_login(),
          coalesce(nullif(p_actor, ''), _acting_login()), p_reason, p_detail,
          (select coalesce(jsonb_object_agg(p.key, p.version), '{}') from ops_policy p));
end;
$$;
