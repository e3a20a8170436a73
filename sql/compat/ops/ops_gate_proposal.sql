create or replace function ops_gate_proposal(p_proposal_id uuid)
returns table (ok boolean, reason text)
language plpgsql
stable
strict
set search_path from current
as $$
-- As fn_gate_proposal, under the name that the reference loop has, with the rights of the caller; no row for null.
-- Locks, Writes, Raises: as there.
begin
  return query select g.ok, g.reason from fn_gate_proposal(p_proposal_id) g;
end;
$$;

create or replace function ops_gate_proposal(p_template jsonb)
returns table (ok boolean, reason text)
language plpgsql
set search_path from current
as $$
-- Whether the gate would let a template in, though perhaps to wait for a person: it is proposed, and all of that rolled
-- back, so that nothing but the gate judges. Under the name that the reference loop has, with the rights of the caller.
-- Locks: as fn_create_proposal, until it returns. Writes: nothing. Raises: as fn_create_proposal.
declare
  v_made record;
begin
  begin
    select c.* into v_made from fn_create_proposal(p_template) c;
    select m.reason_code is distinct from 'OPS_003' into ok
      from ops_mission_proposals m where m.id = v_made.proposal_id;
    raise sqlstate 'XR000';
  exception
    when sqlstate 'XR000' then null;
  end;
  reason := case when not ok then v_made.reason end;
  return next;
end;
$$;
