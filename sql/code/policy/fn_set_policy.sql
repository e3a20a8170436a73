create or replace function fn_set_policy(
  p_key text,
  p_value jsonb,
  p_actor text default null,
  p_expected_version integer default null,
  p_reason text default null
)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Puts a policy document in force and returns its version; a document that is in force already, to the last digit,
-- makes no version. It does not rely on the trigger of ops_policy, which is for changes by hand.
-- Locks: the row of ops_policy. Writes: ops_policy, ops_policy_history, ops_audit_log.
-- Raises: OP011 when the version in force is not the expected one (0: none yet), OP015 when the login may not itself,
-- OP017 with every fault, OP018 also for a reason of more than 10,000 characters, OP023 when an open transaction has
-- changed it and does not end within two seconds, OP045 for a document that is too large.
declare
  v_now timestamptz;
  v_login text := _acting_login();
  v_actor text := coalesce(nullif(p_actor, ''), _acting_login());
  v_current integer;
  v_value jsonb;
  v_version integer;
  v_patience constant text := current_setting('lock_timeout');
  v_holder record;
begin
  perform _assert_login_may('fn_set_policy(text, jsonb, text, integer, text)');
  if coalesce(p_key, '') = '' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_key must name a policy document',
      detail = jsonb_build_object('p_key', p_key)::text, hint = 'For example auto_approve.';
  end if;
  perform _check_policy(p_key, p_value);

  -- A second round only when another session set the first version of this document at the same time.
  loop
    begin
      perform set_config('lock_timeout', case v_patience when '0' then '2s' else v_patience end, true);
      select p.version, p.value into v_current, v_value from ops_policy p where p.key = p_key for update;
      perform set_config('lock_timeout', v_patience, true);
    exception when lock_not_available then
      select h.* into v_holder
        from (values ((select min(l.virtualtransaction)
                         from pg_locks l
                        where l.relation = 'ops_policy'::regclass and l.mode = 'RowExclusiveLock' and l.granted
                          and l.pid is distinct from pg_backend_pid()))) l (virtualtransaction)
       cross join lateral _holder(l.virtualtransaction) h;
      raise exception using errcode = 'OP023',
        message = format('OPS_023: policy %s was changed by %s, which has not committed yet', p_key, v_holder.name),
        detail = jsonb_build_object('pid', v_holder.pid, 'gid', v_holder.gid, 'login', v_holder.login)::text,
        hint = format('Commit it, or end it: %s Then call again.', v_holder.remedy);
    end;
    v_current := coalesce(v_current, 0);
    if v_current <> p_expected_version then
      raise exception using errcode = 'OP011',
        message = format('OPS_011: policy %s is at version %s, not %s', p_key, v_current, p_expected_version),
        detail = jsonb_build_object('key', p_key, 'version', v_current, 'expected_version', p_expected_version)::text,
        hint = 'Somebody else changed it. Read it again, make your change on top, and give its version.';
    end if;

    -- As text: 1 and 1.0 are equal as jsonb, but not in a document.
    if v_current > 0 and v_value::text = p_value::text then
      return v_current;
    end if;

    -- The history first: its row tells the trigger that this is not a change by hand.
    v_now := _now();
    v_version := 1 + greatest(v_current, (select max(h.version) from ops_policy_history h where h.key = p_key), 0);
    insert into ops_policy_history (key, version, value, updated_at, changed_by, changed_login, reason)
    values (p_key, v_version, p_value, v_now, v_actor, v_login, p_reason)
    on conflict do nothing;
    exit when found;
  end loop;

  if v_current = 0 then
    insert into ops_policy (key, value, version, updated_at, updated_by)
    values (p_key, p_value, v_version, v_now, v_actor);
  else
    update ops_policy p
       set value = p_value, version = v_version, updated_at = v_now, updated_by = v_actor
     where p.key = p_key;
  end if;
  perform _audit('set_policy', 'policy', p_key, v_actor, p_reason, jsonb_build_object('version', v_version));
  return v_version;
end;
$$;
comment on function fn_set_policy(text, jsonb, text, integer, text) is
  'Puts a policy document in force, keeps it and the reason in the history and returns its version, that in force '
  'where nothing changes; with p_expected_version (0: none yet) only if nobody else changed it meanwhile, else '
  'OPS_011. OPS_017 lists every fault of the document and changes nothing; OPS_045 for one that is too large. OPS_023 '
  'another change of it is not committed yet.';
