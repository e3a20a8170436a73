create or replace function _ops_policy_changed()
returns trigger
language plpgsql
security definer
set search_path from current
as $$
-- Trigger of ops_policy: a change by hand, as the operations runbook makes it, is treated like fn_set_policy. It is
-- checked, gets the next version, and is kept in the history under the login. A change by fn_set_policy itself, known
-- by its row in the history, passes; a change that changes nothing leaves the row as it is. Removing a document is
-- refused: the history would have a hole, and the policy generation would fall.
-- Locks: none beyond the row. Writes: ops_policy_history, ops_audit_log, ops_mission_proposals. Raises: OP014, OP017,
-- OP109.
begin
  if tg_op in ('DELETE', 'TRUNCATE') then
    raise exception using errcode = 'OP014', message = 'OPS_014: a policy document cannot be removed',
      detail = jsonb_build_object('operation', lower(tg_op))::text,
      hint = 'Set it to what it should say instead: {} gives the built-in defaults and auto-approves nothing.';
  end if;
  if tg_op = 'UPDATE' and new.key <> old.key then
    raise exception using errcode = 'OP014', message = 'OPS_014: a policy document cannot be renamed',
      detail = jsonb_build_object('from', old.key, 'to', new.key)::text,
      hint = 'Insert the new one and set the old one to {}.';
  end if;

  if tg_when = 'AFTER' then
    insert into ops_policy_history (key, version, value, updated_at, changed_by, changed_login)
    values (new.key, new.version, new.value, new.updated_at, new.updated_by, _acting_login())
    on conflict do nothing;
    if found then
      perform _audit('set_policy', 'policy', new.key, null, null,
        jsonb_build_object('version', new.version, 'by', 'hand'));
    end if;
    if new.key = 'proposal_caps' then
      -- A proposal that waits for the window of a cap is gated by the next heartbeat; one that a person decides on is
      -- left to that person.
      update ops_mission_proposals p
         set gate_after = _now()
       where p.id in (select w.id from ops_mission_proposals w
                       where w.status in ('pending', 'voting') and w.counted_at is null and w.gate_after is not null
                         for update skip locked);
    end if;
    return null;
  end if;

  if tg_op = 'UPDATE' and new.value::text = old.value::text then
    return old;
  end if;
  if not exists (select from ops_policy_history h
                  where h.key = new.key and h.version = new.version and h.value = new.value
                    and (tg_op = 'INSERT' or new.version > old.version)) then
    perform _check_policy(new.key, new.value);
    perform _assert_agreed(new.key, case tg_op when 'UPDATE' then old.version else 0 end,
                           case tg_op when 'UPDATE' then old.value end, new.value, session_user::text);
    new.version := 1 + coalesce((select max(h.version) from ops_policy_history h where h.key = new.key), 0);
    new.updated_at := _now();
    new.updated_by := _acting_login();
  end if;
  return new;
end;
$$;

create or replace trigger opsloop_policy_change
before insert or update on ops_policy
for each row execute function _ops_policy_changed();

create or replace trigger opsloop_policy_history
after insert or update on ops_policy
for each row execute function _ops_policy_changed();

create or replace trigger opsloop_policy_keep
before delete on ops_policy
for each row execute function _ops_policy_changed();

create or replace trigger opsloop_policy_keep_all
before truncate on ops_policy
for each statement execute function _ops_policy_changed();
