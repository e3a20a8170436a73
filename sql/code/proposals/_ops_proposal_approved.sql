create or replace function _ops_proposal_approved()
returns trigger
language plpgsql
set search_path from current
as $$
-- Trigger of ops_mission_proposals: an approval by UPDATE is refused, as no mission would come of it. The routines that
-- approve make the mission first; that is the evidence they are known by. No setting and no column of the row is
-- trusted. It fires for these updates only: proposals that policy approves at birth are inserted.
-- Locks: none. Writes: nothing. Raises: OP061.
begin
  if not exists (select from ops_missions m where m.proposal_id = new.id) then
    raise exception using errcode = 'OP061',
      message = format('OPS_061: proposal %s cannot be approved by UPDATE', new.id),
      hint = format('select * from fn_approve_proposal(%L, ''<name>'', ''<why>'');', new.id);
  end if;
  return new;
end;
$$;

create or replace trigger opsloop_proposal_approved
before update of status on ops_mission_proposals
for each row
when (new.status in ('approved', 'auto_approved') and old.status not in ('approved', 'auto_approved'))
execute function _ops_proposal_approved();
