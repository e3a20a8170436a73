create or replace function _escalated_by(p_approval ops_approvals, p_required jsonb)
returns jsonb
language plpgsql
volatile
set search_path from current
as $$
-- Which escalations that a heartbeat has told of add people to the seats of these requirements: those that they have
-- themselves, from their own time on. So what one set of rules escalates fills no seat of another.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(jsonb_agg(e), '[]')
      from jsonb_array_elements(p_approval.escalated) e
     where exists (
       select from jsonb_array_elements(p_required -> 'escalate') r
        where r -> 'rule' = e -> 'rule' and r -> 'group' = e -> 'group'
          and p_approval.asked_at + make_interval(mins => (r ->> 'after_minutes')::integer) <= _now()));
end;
$$;
