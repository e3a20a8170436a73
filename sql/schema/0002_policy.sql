-- Policy: versioned documents that decide what may run. The history never loses a version.
set local lock_timeout = '5s';

create table ops_policy (
  key text constraint ops_policy_pkey primary key,
  value jsonb not null,
  version integer not null default 1,
  updated_at timestamptz not null default now(),
  updated_by text not null default session_user
);
comment on table ops_policy is
  'The policy documents in force; change them with fn_set_policy, or by plain UPDATE as the operations runbook does.';
comment on column ops_policy.key is
  'Name of the document: reaction_matrix, auto_approve, proposal_caps, worker_policy, agent_roles, outbox, '
  'size_limits, transition_rules, gate_thresholds, gate_applicability, approval_rules, retention, or one of the '
  'team''s own.';
comment on column ops_policy.value is 'The document; its top-level keys are those of the operations runbook.';
comment on column ops_policy.version is 'Counts up by one with every change, starting at 1.';
comment on column ops_policy.updated_at is 'When this version came into force.';
comment on column ops_policy.updated_by is
  'The person or program that changed it, as claimed (p_actor) or, for a direct UPDATE, the login.';

create table ops_policy_history (
  key text not null,
  version integer not null,
  value jsonb not null,
  updated_at timestamptz not null default now(),
  changed_by text not null,
  changed_login text not null default session_user,
  reason text,
  constraint ops_policy_history_pkey primary key (key, version)
);
comment on table ops_policy_history is 'Every version of every policy document, append-only and without holes.';
comment on column ops_policy_history.key is 'Name of the document.';
comment on column ops_policy_history.version is 'Version number, from 1 without a hole.';
comment on column ops_policy_history.value is 'The whole document as it stood in this version.';
comment on column ops_policy_history.updated_at is 'When this version came into force.';
comment on column ops_policy_history.changed_by is 'The person or program that changed it, as claimed by the caller.';
comment on column ops_policy_history.changed_login is 'The login role (session_user) that made the change.';
comment on column ops_policy_history.reason is 'Why, in the words of the actor; null for a change by hand.';

create view ops_policy_audit as
select h.key as policy_key,
       lag(h.value) over (partition by h.key order by h.version) as old_value,
       h.value as new_value,
       h.changed_by,
       h.updated_at as changed_at
  from ops_policy_history h;
comment on view ops_policy_audit is
  'Policy changes as before and after, for the audit query of the operations runbook.';
comment on column ops_policy_audit.policy_key is 'Name of the document.';
comment on column ops_policy_audit.old_value is 'The document before the change; null for the first version.';
comment on column ops_policy_audit.new_value is 'The document after the change.';
comment on column ops_policy_audit.changed_by is 'The person or program that changed it.';
comment on column ops_policy_audit.changed_at is 'When it was changed.';

create table ops_policy_votes (
  key text not null,
  version integer not null,
  digest text not null,
  login text not null,
  actor text not null,
  groups text[] not null,
  reason text,
  created_at timestamptz not null,
  constraint ops_policy_votes_pkey primary key (key, version, digest, login)
);
comment on table ops_policy_votes is
  'Agreements to a change of policy that lets more run, where approval_rules.policy asks for that.';
comment on column ops_policy_votes.key is 'Name of the document.';
comment on column ops_policy_votes.version is 'The version that was in force; 0 for none.';
comment on column ops_policy_votes.digest is 'Digest of the document that shall follow it.';
comment on column ops_policy_votes.login is 'The login that agreed.';
comment on column ops_policy_votes.actor is 'The person or program that agreed, as claimed.';
comment on column ops_policy_votes.groups is 'The groups that the login was in.';
comment on column ops_policy_votes.reason is 'Why.';
comment on column ops_policy_votes.created_at is 'When.';

create table ops_policy_shadows (
  key text constraint ops_policy_shadows_pkey primary key,
  value jsonb not null,
  set_by text not null,
  set_login text not null default session_user,
  reason text,
  since timestamptz not null,
  judged_to timestamptz not null,
  next_to timestamptz,
  ticket xid8,
  next_at timestamptz not null
);
comment on table ops_policy_shadows is
  'Documents that are judged beside the one in force, and decide nothing: the heartbeat holds them against what the '
  'gate has decided since.';
comment on column ops_policy_shadows.key is 'Name of the document that it stands beside.';
comment on column ops_policy_shadows.value is 'The content of the document.';
comment on column ops_policy_shadows.set_by is 'The person or program that set it, as claimed.';
comment on column ops_policy_shadows.set_login is 'The login that set it.';
comment on column ops_policy_shadows.reason is 'Why.';
comment on column ops_policy_shadows.since is 'Proposals and events of that time and later are judged.';
comment on column ops_policy_shadows.judged_to is 'Proposals and events before that time have been judged.';
comment on column ops_policy_shadows.next_to is
  'Up to where is judged next, once no transaction is left that could still commit a proposal or event of before.';
comment on column ops_policy_shadows.ticket is 'Every transaction with a lower number must have ended before that.';
comment on column ops_policy_shadows.next_at is
  'When the heartbeat looks at it again: after twenty times as long as it took.';

create table ops_shadow_counts (
  key text not null,
  old_outcome text not null,
  new_outcome text not null,
  decisions bigint not null,
  constraint ops_shadow_counts_pkey primary key (key, old_outcome, new_outcome)
);
comment on table ops_shadow_counts is
  'How many decisions each shadow has judged, by what was decided and what it says.';
comment on column ops_shadow_counts.key is 'Name of the document.';
comment on column ops_shadow_counts.old_outcome is 'The decision that was made.';
comment on column ops_shadow_counts.new_outcome is 'The decision that the shadow would have made.';
comment on column ops_shadow_counts.decisions is 'How many.';

create sequence ops_shadow_decisions_id_seq;
create table ops_shadow_decisions (
  id bigint constraint ops_shadow_decisions_pkey primary key default nextval('ops_shadow_decisions_id_seq'),
  key text not null,
  old_outcome text not null,
  new_outcome text not null,
  proposal_id uuid,
  event_id uuid,
  pattern text,
  title text,
  source text not null,
  decided_at timestamptz not null,
  rule text,
  reason text
);
create index ops_shadow_decisions_key on ops_shadow_decisions (key, id);
comment on table ops_shadow_decisions is
  'Decisions that a shadow would have taken otherwise, the newest 10,000 of each; ops_shadow_counts has all.';
comment on column ops_shadow_decisions.id is 'Counts up.';
comment on column ops_shadow_decisions.key is 'Name of the document.';
comment on column ops_shadow_decisions.old_outcome is 'The decision that was made.';
comment on column ops_shadow_decisions.new_outcome is 'The decision that the shadow would have made.';
comment on column ops_shadow_decisions.proposal_id is 'The proposal; null where a pattern reacts that did not.';
comment on column ops_shadow_decisions.event_id is 'The event, for a shadow of reaction_matrix.';
comment on column ops_shadow_decisions.pattern is 'The pattern, for a shadow of reaction_matrix.';
comment on column ops_shadow_decisions.title is 'Its title.';
comment on column ops_shadow_decisions.source is 'Its source.';
comment on column ops_shadow_decisions.decided_at is 'When it was proposed.';
comment on column ops_shadow_decisions.rule is 'The path in policy that says so.';
comment on column ops_shadow_decisions.reason is 'Why.';

create type ops_policy_documents as (
  auto_approve jsonb,
  worker_policy jsonb,
  proposal_caps jsonb,
  agent_roles jsonb,
  versions jsonb,
  generation integer
);
comment on type ops_policy_documents is
  'The documents that judge what is proposed. Judging takes them as an argument, so that one that is not in force can '
  'stand in for one that is.';
comment on column ops_policy_documents.versions is 'Versions of auto_approve, proposal_caps and worker_policy.';
comment on column ops_policy_documents.generation is 'The policy generation, of these very documents.';
