-- Gated intents, the votes on them, and the counters that keep caps exact.
set local lock_timeout = '5s';

create type ops_template_step as (
  no integer,
  pos integer,
  key text,
  kind text,
  executor text,
  params jsonb,
  needs integer[],
  unblocks integer[],
  max_retries integer,
  timeout_seconds integer,
  on_failure text,
  on_lease_lost text,
  needs_approval boolean,
  on_turn jsonb
);
comment on type ops_template_step is
  'A step of a template as it was read: once, and handed on from the gate to the mission.';
comment on column ops_template_step.no is 'Which of the templates that were read together it belongs to, from 1.';
comment on column ops_template_step.pos is 'Its position in the template, from 1.';
comment on column ops_template_step.needs is 'Positions of the steps of its template that it waits for.';
comment on column ops_template_step.needs_approval is
  'It waits for a person in the middle of its mission: kind approval, or needs_approval.';
comment on column ops_template_step.on_turn is 'As in ops_mission_steps.';
comment on column ops_template_step.unblocks is 'Positions of the steps of its template that wait for it.';

create table ops_mission_proposals (
  id uuid constraint ops_mission_proposals_pkey primary key,
  dedupe_key text,
  source text not null,
  event_id uuid,
  reaction_id uuid,
  status text not null default 'pending'
    constraint ops_mission_proposals_status_known
      check (status in ('pending', 'voting', 'approved', 'auto_approved', 'rejected', 'expired')),
  title text,
  risk_level text not null default 'low'
    constraint ops_mission_proposals_risk_known check (risk_level in ('low', 'medium', 'high')),
  priority smallint not null default 0,
  depth integer not null default 0,
  template jsonb not null,
  slots jsonb not null default '[]',
  template_digest text not null,
  approved_digest text,
  reason text,
  reason_code text,
  policy_snapshot jsonb not null default '{}',
  counted_at timestamptz,
  gate_after timestamptz,
  proposed_login text default session_user,
  proposers text[] not null default array[session_user::text],
  decided_by text,
  decided_login text,
  approved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 80);
create unique index ops_mission_proposals_dedupe on ops_mission_proposals (dedupe_key, (source = 'trigger'))
  where dedupe_key is not null;
create unique index ops_mission_proposals_reaction on ops_mission_proposals (reaction_id) where reaction_id is not null;
create index ops_mission_proposals_open on ops_mission_proposals (created_at) where status in ('pending', 'voting');
create index ops_mission_proposals_uncounted on ops_mission_proposals (coalesce(gate_after, created_at), created_at)
  where status in ('pending', 'voting') and counted_at is null;
create index ops_mission_proposals_by_hand on ops_mission_proposals (created_at)
  where status in ('approved', 'auto_approved') and approved_digest is null;
create index ops_mission_proposals_created on ops_mission_proposals using brin (created_at);
create index ops_mission_proposals_counted on ops_mission_proposals using brin (counted_at);
comment on table ops_mission_proposals is 'Gated intents: the work to run, the verdict of policy, and the decision.';
comment on column ops_mission_proposals.id is 'Time-ordered id (UUID version 7).';
comment on column ops_mission_proposals.dedupe_key is
  'Optional; a second proposal with the same key is the first one. Keys of reactions and keys of callers are apart.';
comment on column ops_mission_proposals.source is
  'Where it came from: trigger when born of a reaction, else what the proposer said.';
comment on column ops_mission_proposals.event_id is 'The event behind it, if any.';
comment on column ops_mission_proposals.reaction_id is 'The reaction behind it, if any.';
comment on column ops_mission_proposals.status is
  'pending, voting, approved (by a person), auto_approved (by policy), rejected or expired.';
comment on column ops_mission_proposals.title is 'The title of the template.';
comment on column ops_mission_proposals.risk_level is
  'The risk judged: the higher of the declared one and what risk_rules say.';
comment on column ops_mission_proposals.priority is 'Higher runs first, -100 to 100; from the template, default 0.';
comment on column ops_mission_proposals.depth is 'Causation depth of the event behind it; 0 without one.';
comment on column ops_mission_proposals.template is 'The template that would run, placeholders of the event filled in.';
comment on column ops_mission_proposals.slots is
  'Places still to be filled from results of earlier steps, fixed when the template was written.';
comment on column ops_mission_proposals.template_digest is 'sha256 (hex) of template and slots when proposed.';
comment on column ops_mission_proposals.approved_digest is
  'The digest that was approved; an approval counts for that digest only.';
comment on column ops_mission_proposals.reason is 'Why it has its status.';
comment on column ops_mission_proposals.reason_code is
  'Code of the reason where the gate gave it: OPS_003 forbidden or over a cap, OPS_009 a person must decide; else '
  'null.';
comment on column ops_mission_proposals.policy_snapshot is
  'Versions of the policy documents that decided, such as {"auto_approve": 7}.';
comment on column ops_mission_proposals.counted_at is
  'When it was counted against the caps, on this UTC day; null while the counter was busy, or while it is over a cap.';
comment on column ops_mission_proposals.gate_after is
  'While it waits because it was over a cap: when the window of that cap ends, and it is gated again.';
comment on column ops_mission_proposals.proposed_login is
  'Login role (session_user) of the proposer, or that emitted the event behind it; null for an event of the loop '
  'itself.';
comment on column ops_mission_proposals.proposers is
  'Every login that had a hand in it, and so may not decide on it: the one that proposed it or emitted the event '
  'behind it, and the proposers of the mission or proposal that the event is about.';
comment on column ops_mission_proposals.decided_by is
  'The person or program that decided, as claimed; policy when no person had to.';
comment on column ops_mission_proposals.decided_login is 'Login role (session_user) that decided.';
comment on column ops_mission_proposals.approved_at is 'When it was approved.';
comment on column ops_mission_proposals.created_at is 'When it was proposed.';
comment on column ops_mission_proposals.updated_at is 'When the status changed last.';

create table ops_proposal_votes (
  proposal_id uuid not null,
  agent_role text not null,
  vote text not null constraint ops_proposal_votes_vote_known check (vote in ('approve', 'reject', 'abstain')),
  reason text,
  decision boolean not null default false,
  voted_login text not null default session_user,
  cast_login text not null default session_user,
  digest text,
  groups text[] not null default '{}',
  created_at timestamptz not null default now(),
  constraint ops_proposal_votes_pkey primary key (proposal_id, agent_role, voted_login, decision)
);
create unique index ops_proposal_votes_role on ops_proposal_votes (proposal_id, agent_role) where not decision;
create unique index ops_proposal_votes_login on ops_proposal_votes (proposal_id, voted_login) where decision;
comment on table ops_proposal_votes is
  'Votes of agents, and votes of persons, on proposals: those of agents advise, those of persons fill the seats that '
  'approval_rules ask for, one seat a login. Evidence: they stay when the proposal is deleted.';
comment on column ops_proposal_votes.proposal_id is 'The proposal.';
comment on column ops_proposal_votes.agent_role is 'The role that voted (agent_roles), or the actor who decided.';
comment on column ops_proposal_votes.vote is 'approve, reject or abstain.';
comment on column ops_proposal_votes.reason is 'Why, in the words of the voter.';
comment on column ops_proposal_votes.decision is 'True for the decision of a person, false for the vote of an agent.';
comment on column ops_proposal_votes.voted_login is
  'Login role whose vote it is: that of the session or, where the control plane speaks for a person, of that person.';
comment on column ops_proposal_votes.cast_login is 'Login role (session_user) of the session that cast it.';
comment on column ops_proposal_votes.digest is
  'The template_digest that it is for; it counts for that only. Null for a vote of an agent.';
comment on column ops_proposal_votes.groups is 'The groups of approval_rules that the login was in when it voted.';
comment on column ops_proposal_votes.created_at is 'When the vote was cast or last changed.';

create table ops_approvals (
  proposal_id uuid constraint ops_approvals_pkey primary key,
  asked_at timestamptz not null,
  rules_version integer,
  required jsonb,
  seen_version integer,
  expires_at timestamptz,
  on_expiry text constraint ops_approvals_on_expiry_known check (on_expiry in ('reject', 'hold')),
  held_at timestamptz,
  escalations jsonb not null default '[]',
  escalated jsonb not null default '[]',
  next_at timestamptz,
  started_version integer,
  started_required jsonb
);
create index ops_approvals_next on ops_approvals (next_at) where next_at is not null;
comment on table ops_approvals is
  'Demands of approval_rules on proposals, where they demand more than one decision before the proposal may run: a row '
  'for each such proposal. Evidence: it stays when the proposal is deleted.';
comment on column ops_approvals.proposal_id is 'The proposal.';
comment on column ops_approvals.asked_at is 'When persons were first asked; expiry and escalation count from then.';
comment on column ops_approvals.rules_version is 'Version of approval_rules when it was proposed.';
comment on column ops_approvals.required is
  'The demands of the rules at that time: {"rules", "seats", "veto", "reason_required", "expires_minutes", '
  '"on_expiry", "escalate"}; null where none matched.';
comment on column ops_approvals.seen_version is
  'Version of approval_rules that expires_at and escalations were last worked out from.';
comment on column ops_approvals.expires_at is 'From then on it never runs, or waits for votes anew; null for never.';
comment on column ops_approvals.on_expiry is
  'reject: the proposal is expired. hold: it stays, and the votes until then no longer count.';
comment on column ops_approvals.held_at is 'When it was held; votes until then do not count.';
comment on column ops_approvals.escalations is 'Escalations to come: [{"rule", "group", "event", "at"}].';
comment on column ops_approvals.escalated is 'Those that came; members of their groups fill seats of the rule, too.';
comment on column ops_approvals.next_at is 'When the heartbeat looks at it: its expiry or next escalation.';
comment on column ops_approvals.started_version is 'Version of approval_rules in force when its mission started.';
comment on column ops_approvals.started_required is 'The demands of that version, in the form of required.';

create table ops_approval_seats (
  proposal_id uuid not null,
  held_by text not null constraint ops_approval_seats_held_by_known check (held_by in ('proposed', 'in force')),
  seat integer not null,
  rule text not null,
  groups text[] not null,
  login text not null,
  constraint ops_approval_seats_pkey primary key (proposal_id, held_by, seat),
  constraint ops_approval_seats_one_a_login unique (proposal_id, held_by, login)
);
comment on table ops_approval_seats is
  'Which login filled which seat when the mission of a proposal started. Evidence: rows stay when the proposal is '
  'deleted.';
comment on column ops_approval_seats.proposal_id is 'The proposal.';
comment on column ops_approval_seats.held_by is
  'Of which rules the seat is: those when it was proposed, or those in force when its mission started.';
comment on column ops_approval_seats.seat is 'Number of the seat, from 1.';
comment on column ops_approval_seats.rule is 'Name of the rule that asks for it.';
comment on column ops_approval_seats.groups is 'The groups whose members may fill it; * for anybody who may decide.';
comment on column ops_approval_seats.login is 'The login whose vote filled it.';

create table ops_break_glass (
  proposal_id uuid constraint ops_break_glass_pkey primary key,
  login text not null,
  actor text not null,
  reason text not null,
  digest text not null,
  review_due timestamptz not null,
  used_at timestamptz not null
);
create index ops_break_glass_used on ops_break_glass (used_at);
comment on table ops_break_glass is
  'Decisions that one login took alone in spite of the seats that approval_rules ask for. Evidence: rows stay when the '
  'proposal is deleted.';
comment on column ops_break_glass.proposal_id is 'The proposal that was started.';
comment on column ops_break_glass.login is 'The login that decided alone.';
comment on column ops_break_glass.actor is 'The person or program that did it, as claimed.';
comment on column ops_break_glass.reason is 'Why it could not wait.';
comment on column ops_break_glass.digest is 'The template_digest that was started.';
comment on column ops_break_glass.review_due is 'Until when two others must have signed it off; then health fails.';
comment on column ops_break_glass.used_at is 'When.';

create table ops_break_glass_reviews (
  proposal_id uuid not null,
  login text not null,
  actor text not null,
  reason text,
  created_at timestamptz not null,
  constraint ops_break_glass_reviews_pkey primary key (proposal_id, login)
);
comment on table ops_break_glass_reviews is
  'Sign-offs of a decision that was taken alone, by two logins that neither took it nor proposed.';
comment on column ops_break_glass_reviews.proposal_id is 'The proposal.';
comment on column ops_break_glass_reviews.login is 'The login that signed it off.';
comment on column ops_break_glass_reviews.actor is 'The person or program that did it, as claimed.';
comment on column ops_break_glass_reviews.reason is 'The finding of the review.';
comment on column ops_break_glass_reviews.created_at is 'When.';

create table ops_grants (
  id uuid constraint ops_grants_pkey primary key,
  match jsonb not null,
  until timestamptz not null,
  max_uses integer not null,
  uses integer not null default 0,
  granted_login text not null,
  granted_by text not null,
  reason text,
  created_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  revoked_login text,
  constraint ops_grants_bounded check (uses between 0 and max_uses)
);
create index ops_grants_live on ops_grants (until) where revoked_at is null and uses < max_uses;
comment on table ops_grants is
  'Standing grants: the vote of a login, given beforehand for all that matches, until a time and so many times.';
comment on column ops_grants.id is 'Time-ordered id (UUID version 7).';
comment on column ops_grants.match is
  'The proposals it covers: {"digest"}, {"command"} or {"kinds"}, each with "sources" and "max_risk" if it shall cover '
  'less.';
comment on column ops_grants.until is 'When it ends.';
comment on column ops_grants.max_uses is 'How often it counts at most.';
comment on column ops_grants.uses is 'How often it has counted.';
comment on column ops_grants.granted_login is 'The login whose vote it is.';
comment on column ops_grants.granted_by is 'The person or program that gave it, as claimed.';
comment on column ops_grants.reason is 'Why.';
comment on column ops_grants.created_at is 'When it was given.';
comment on column ops_grants.revoked_at is 'When it was revoked; null while it was not.';
comment on column ops_grants.revoked_by is 'The person or program that revoked it, as claimed.';
comment on column ops_grants.revoked_login is 'The login that revoked it.';

create table ops_grant_uses (
  grant_id uuid not null,
  proposal_id uuid not null,
  digest text not null,
  used_at timestamptz not null,
  constraint ops_grant_uses_pkey primary key (grant_id, proposal_id)
);
comment on table ops_grant_uses is 'Each time that a grant counted as the vote of its login. Evidence: never deleted.';
comment on column ops_grant_uses.grant_id is 'The grant.';
comment on column ops_grant_uses.proposal_id is 'The proposal that it voted for.';
comment on column ops_grant_uses.digest is 'The template_digest of that proposal.';
comment on column ops_grant_uses.used_at is 'When.';

create table ops_cap_counters (
  scope text not null constraint ops_cap_counters_scope_known check (split_part(scope, ':', 1) in ('day', 'hour')),
  window_start timestamptz not null,
  used integer not null default 0,
  constraint ops_cap_counters_pkey primary key (window_start, scope)
) with (fillfactor = 50);
comment on table ops_cap_counters is
  'How many proposals count against each cap, so that a cap is one row to lock and not a count.';
comment on column ops_cap_counters.scope is 'day, hour, day:<source> or hour:<source>.';
comment on column ops_cap_counters.window_start is 'Start of the UTC day or hour.';
comment on column ops_cap_counters.used is 'Proposals that count: all counted in the window but the rejected.';
