create or replace function fn_review_break_glass(
  p_proposal_id uuid,
  p_actor text default null,
  p_reason text default null
)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Signs off a decision that somebody took alone; returns how many more are needed. Two others than the one who took it,
-- and than whoever proposed it. To sign off twice changes nothing.
-- Locks: the row of ops_break_glass. Writes: ops_break_glass_reviews, ops_audit_log. Raises: OP012 unknown, OP015 own
-- decision or proposal, or may not decide, OP088 unknown person.
declare
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
  v_login constant text := _person(v_actor);
  v_glass ops_break_glass;
begin
  perform _assert_login_may('fn_approve_proposal(uuid, text, text)');
  select g.* into v_glass from ops_break_glass g where g.proposal_id = p_proposal_id for update;
  if not found then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: proposal %s was not started by breaking glass', coalesce(p_proposal_id::text, 'null')),
      hint = 'select * from fn_list_break_glass(); lists those that were.';
  end if;
  if v_login = v_glass.login or exists (select from ops_mission_proposals p
                                         where p.id = p_proposal_id and v_login = any (p.proposers)) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: %s took this decision, or proposed it, and may not sign it off', v_login),
      detail = jsonb_build_object('proposal_id', p_proposal_id, 'login', v_login)::text,
      hint = 'Let another login review it.';
  end if;
  insert into ops_break_glass_reviews (proposal_id, login, actor, reason, created_at)
  values (p_proposal_id, v_login, v_actor, p_reason, _now())
  on conflict on constraint ops_break_glass_reviews_pkey do nothing;
  if found then
    perform _audit('review', 'proposal', p_proposal_id::text, v_actor, p_reason,
      jsonb_build_object('voted_login', v_login, 'digest', v_glass.digest));
  end if;
  return greatest(0, 2 - (select count(*) from ops_break_glass_reviews r where r.proposal_id = p_proposal_id));
end;
$$;
comment on function fn_review_break_glass(uuid, text, text) is
  'Signs off, as p_actor (default: the login), a decision that somebody took alone; returns how many more of two are '
  'needed. OPS_012 unknown, OPS_015 own decision or proposal.';
