create or replace function _end_approval(p_proposal_id uuid, p_state jsonb)
returns void
language plpgsql
set search_path from current
as $$
-- Puts on record that a proposal was decided: nothing is left to be timed and, where its mission starts (p_state, as
-- _approval_state returns it), which login fills which seat of the rules then and now.
-- Locks: the row of ops_approvals. Writes: ops_approvals, ops_approval_seats. Raises: nothing.
begin
  if p_state is null then
    update ops_approvals a set next_at = null where a.proposal_id = p_proposal_id;
    return;
  end if;
  insert into ops_approvals as a (proposal_id, asked_at, seen_version, started_version, started_required)
  values (p_proposal_id, _now(), (p_state ->> 'version')::integer, (p_state ->> 'version')::integer,
          nullif(p_state -> 'required_now', 'null'))
  on conflict (proposal_id) do update
    set next_at = null, started_version = excluded.started_version, started_required = excluded.started_required;
  insert into ops_approval_seats (proposal_id, held_by, seat, rule, groups, login)
  select p_proposal_id, k.held_by, (s ->> 'seat')::integer, s ->> 'rule',
         array(select jsonb_array_elements_text(s -> 'groups')), s ->> 'login'
    from (values ('proposed', p_state -> 'proposed'), ('in force', p_state -> 'in_force')) k (held_by, seats)
   cross join lateral jsonb_array_elements(k.seats) s
   where s ->> 'login' is not null;
end;
$$;
