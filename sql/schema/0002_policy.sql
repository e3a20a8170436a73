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
comment on column ops_policy.updated_by is 'Who changed it, as claimed (p_actor) or, for a direct UPDATE, the login.';

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
comment on column ops_policy_history.changed_by is 'Who changed it, as claimed by the caller.';
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
comment on column ops_policy_audit.changed_by is 'Who changed it.';
comment on column ops_policy_audit.changed_at is 'When it was changed.';

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
