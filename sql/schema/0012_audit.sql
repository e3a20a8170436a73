-- The audit log: decisions and changes by persons, programs and agents, one row each.
set local lock_timeout = '5s';

create sequence ops_audit_log_id_seq;
create table ops_audit_log (
  id bigint constraint ops_audit_log_pkey primary key default nextval('ops_audit_log_id_seq'),
  created_at timestamptz not null default now(),
  action text not null constraint ops_audit_log_action_named check (action <> ''),
  subject_type text not null constraint ops_audit_log_subject_typed check (subject_type <> ''),
  subject_id text not null default '',
  login text not null default session_user,
  actor text not null,
  reason text,
  detail jsonb not null default '{}',
  versions jsonb not null default '{}'
);
create index ops_audit_log_subject on ops_audit_log (subject_type, subject_id, id);
create index ops_audit_log_action on ops_audit_log (action, id);
comment on table ops_audit_log is
  'Decisions and changes, with the login that made them: a row for each effect, committed with it. Append-only: only '
  'a session that may act as the owner of the schema changes or removes a row.';
comment on column ops_audit_log.id is 'Order of writing. A transaction that was rolled back leaves a gap.';
comment on column ops_audit_log.created_at is 'When.';
comment on column ops_audit_log.action is
  'pause, resume, kill, vote, approve, reject, withdraw, break_glass, review, grant, revoke_grant, retry, resolve, '
  'cancel, set_policy, redrive, restore, purge, transition, handoff or move.';
comment on column ops_audit_log.subject_type is
  'The type of the subject: proposal, mission, step, policy, dead_letter, directive, loop; of pause, resume and kill '
  'the scope of ops_pauses.';
comment on column ops_audit_log.subject_id is
  'Which one: an id, the key of a document, the name of a letter, the target of a pause; empty for all.';
comment on column ops_audit_log.login is
  'The login role (session_user) that did it. Of an approval by a standing grant the one whose call used the grant: '
  'detail.voted_login is the one that decided.';
comment on column ops_audit_log.actor is
  'The person or program that did it, as the caller said; else the login. Of a vote the agent role.';
comment on column ops_audit_log.reason is 'Why, as the caller said.';
comment on column ops_audit_log.detail is
  'The particulars: the answer of a pause, resume or kill, the digest that an approval is for, the outcome of a step, '
  'the vote, the version of a document, what a dead letter became.';
comment on column ops_audit_log.versions is
  'Versions of the policy documents in force then, by key; of set_policy with the new one.';

create view ops_control_log as
select a.id,
       a.action,
       a.subject_type as scope,
       a.subject_id as target,
       a.actor,
       a.login,
       a.reason,
       a.detail,
       a.created_at
  from ops_audit_log a
 where a.action in ('pause', 'resume', 'kill');
comment on view ops_control_log is 'Every pause, resume and kill: that part of ops_audit_log.';
comment on column ops_control_log.id is 'Order of the actions.';
comment on column ops_control_log.action is 'pause, resume or kill.';
comment on column ops_control_log.scope is 'The scope, as in ops_pauses.';
comment on column ops_control_log.target is 'Which one; empty for all.';
comment on column ops_control_log.actor is 'The person or program that did it, as the caller said.';
comment on column ops_control_log.login is 'The login role that did it.';
comment on column ops_control_log.reason is 'Why.';
comment on column ops_control_log.detail is 'The answer of the call.';
comment on column ops_control_log.created_at is 'When.';
