create or replace function fn_end_session(p_pid integer, p_actor text default null, p_reason text default null)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- Ends a session that is in a transaction in which it locked or wrote rows of this loop, as fn_explain_step names it;
-- its uncommitted work is undone. Returns the session as it was. With the rights of the owner of the schema, who may
-- end sessions of his own and of his groups or, as a member of pg_signal_backend, all but those of superusers.
-- Locks: none. Writes: ops_audit_log. Raises: OP018 for a pid that cannot be, OP097 for a session that holds nothing of
-- this loop, or that the owner may not end.
declare
  v_holder record;
begin
  if p_pid is null or p_pid <= 0 or p_pid = pg_backend_pid() then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_pid must be the process of another session, not %s', coalesce(p_pid::text, 'null')),
      detail = jsonb_build_object('p_pid', p_pid)::text, hint = 'fn_explain_step names the session in the way.';
  end if;
  select h.name, h.since, h.application into v_holder
    from (select distinct l.virtualtransaction as vxid
            from pg_locks l
            join pg_class c on c.oid = l.relation and c.relnamespace = quote_ident(current_schema())::regnamespace
           where l.pid = p_pid and l.granted and l.locktype = 'relation' and l.mode <> 'AccessShareLock'
             and l.database = (select d.oid from pg_database d where d.datname = current_database())
           limit 1) x
   cross join lateral _holder(x.vxid) h;
  if not found then
    raise exception using errcode = 'OP097', message = format('OPS_097: session %s holds nothing of this loop', p_pid),
      detail = jsonb_build_object('pid', p_pid)::text,
      hint = 'It may have ended by now: select * from fn_explain_step(…) says what is in the way.';
  end if;
  begin
    perform pg_terminate_backend(p_pid);
  exception when insufficient_privilege then
    raise exception using errcode = 'OP097',
      message = format('OPS_097: %s is not the owner''s to end', v_holder.name),
      detail = jsonb_build_object('pid', p_pid, 'holder', v_holder.name)::text,
      hint = format('A superuser, or a member of pg_signal_backend, runs: select pg_terminate_backend(%s);', p_pid);
  end;
  perform _audit('end session', 'session', p_pid::text, p_actor, p_reason,
    jsonb_build_object('holder', v_holder.name, 'since', v_holder.since, 'application', v_holder.application));
  return v_holder.name;
end;
$$;
comment on function fn_end_session(integer, text, text) is
  'Ends a session that is in a transaction in which it locked or wrote rows of this loop, as p_actor (default: the '
  'login); returns what it was. OPS_018 for a pid that cannot be, OPS_097 for one that holds nothing of this loop or '
  'that the owner of the schema may not end.';
