-- Directives, transitions and handoffs. Tracked work with its requirements and stories, the sessions that claim it, and
-- the log of what was done to it.
set local lock_timeout = '5s';

create table strategic_directives (
  id text constraint strategic_directives_pkey primary key
    constraint strategic_directives_id_given check (id <> ''),
  sd_key text constraint strategic_directives_sd_key_key unique
    constraint strategic_directives_sd_key_given check (sd_key <> ''),
  title text not null default '',
  sd_type text,
  status text not null default 'draft',
  current_phase text not null default 'LEAD',
  transition_version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 50);
comment on table strategic_directives is
  'Directives: tracked pieces of work with phases. They are the team''s own rows; transitions change phase, status, '
  'version and updated_at.';
comment on column strategic_directives.id is 'Id of the directive; routines also find it by sd_key.';
comment on column strategic_directives.sd_key is 'Optional second name, as people write it.';
comment on column strategic_directives.title is 'The subject, for people.';
comment on column strategic_directives.sd_type is
  'Its type, such as feature or security; decides the threshold of its gates and which gates it skips.';
comment on column strategic_directives.status is
  'Its status; completed, cancelled and deferred take no transition.';
comment on column strategic_directives.current_phase is 'Its phase, such as EXEC_IMPLEMENTATION.';
comment on column strategic_directives.transition_version is
  'One more than its completed transitions: a caller that names the version it saw is refused when it is another.';
comment on column strategic_directives.created_at is 'When it was made.';
comment on column strategic_directives.updated_at is 'When a transition changed it last.';

create table product_requirements (
  id text constraint product_requirements_pkey primary key
    constraint product_requirements_id_given check (id <> ''),
  sd_id text not null constraint product_requirements_sd_id_fkey
    references strategic_directives (id) on update cascade on delete cascade,
  status text not null default 'draft',
  phase text,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);
create index product_requirements_sd on product_requirements (sd_id);
comment on table product_requirements is 'Requirements documents of directives.';
comment on column product_requirements.id is 'Id of the requirement.';
comment on column product_requirements.sd_id is 'The directive it belongs to.';
comment on column product_requirements.status is 'Its status, such as draft or verification.';
comment on column product_requirements.phase is 'Its phase.';
comment on column product_requirements.updated_at is 'When a transition changed it last.';

create table user_stories (
  id text constraint user_stories_pkey primary key
    constraint user_stories_id_given check (id <> ''),
  sd_id text not null constraint user_stories_sd_id_fkey
    references strategic_directives (id) on update cascade on delete cascade,
  status text not null default 'draft',
  implementation_status text,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);
create index user_stories_sd on user_stories (sd_id);
comment on table user_stories is 'User stories of directives.';
comment on column user_stories.id is 'Id of the story.';
comment on column user_stories.sd_id is 'The directive it belongs to.';
comment on column user_stories.status is 'Its status, such as draft, ready, in_progress or completed.';
comment on column user_stories.implementation_status is 'How far it is built, such as validated.';
comment on column user_stories.updated_at is 'When a transition changed it last.';

create table sd_session_claims (
  sd_id text constraint sd_session_claims_pkey primary key
    constraint sd_session_claims_sd_id_fkey
    references strategic_directives (id) on update cascade on delete cascade,
  session_id text not null constraint sd_session_claims_session_given check (session_id <> ''),
  claimed_at timestamptz not null,
  heartbeat_at timestamptz not null,
  expires_at timestamptz not null
);
comment on table sd_session_claims is 'Sessions that work on a directive: one each, until expires_at.';
comment on column sd_session_claims.sd_id is 'The directive.';
comment on column sd_session_claims.session_id is 'The session, as it named itself.';
comment on column sd_session_claims.claimed_at is 'When this session got it; extending does not change it.';
comment on column sd_session_claims.heartbeat_at is
  'Last sign of life: when the session claimed it, claimed it again or moved it last.';
comment on column sd_session_claims.expires_at is 'Held before this moment, on the clock of the server.';

create table sd_transition_audit (
  id uuid constraint sd_transition_audit_pkey primary key,
  sd_id text not null,
  transition_type text not null,
  prd_id text,
  session_id text,
  request_id text,
  pre_state jsonb,
  post_state jsonb,
  stories_updated integer,
  prd_updated boolean,
  transition_version integer,
  status text not null default 'in_progress'
    constraint sd_transition_audit_status_known check (status in ('in_progress', 'completed', 'failed')),
  error_message text,
  error_details jsonb,
  login text not null default session_user,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  started_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz
);
create unique index sd_transition_audit_request on sd_transition_audit (request_id) where status = 'completed';
create index sd_transition_audit_sd on sd_transition_audit (sd_id, created_at);
create index sd_transition_audit_created on sd_transition_audit (created_at);
comment on table sd_transition_audit is
  'Every transition that was carried out or failed, a row each; deleting a directive keeps its rows.';
comment on column sd_transition_audit.id is 'Time-ordered id (UUID version 7).';
comment on column sd_transition_audit.sd_id is 'Id of the directive, also where the caller gave its sd_key.';
comment on column sd_transition_audit.transition_type is
  'Which transition: a key of the policy document transition_rules.';
comment on column sd_transition_audit.prd_id is 'The requirement that was named.';
comment on column sd_transition_audit.session_id is 'The session that asked for it.';
comment on column sd_transition_audit.request_id is
  'The caller''s id of the request; unique among completed rows, so that a request takes effect once.';
comment on column sd_transition_audit.pre_state is 'Directive and requirement before it.';
comment on column sd_transition_audit.post_state is 'Directive and requirement after it; null when it failed.';
comment on column sd_transition_audit.stories_updated is 'How many user stories it changed; null when it failed.';
comment on column sd_transition_audit.prd_updated is 'Whether it changed the requirement; null when it failed.';
comment on column sd_transition_audit.transition_version is 'Version of the directive after it; null when it failed.';
comment on column sd_transition_audit.status is
  'completed or failed. in_progress is for rows of other systems: a transition is one transaction.';
comment on column sd_transition_audit.error_message is 'Why it failed, in the words of PostgreSQL.';
comment on column sd_transition_audit.error_details is
  'Why it failed, where, what had been done until then, and what to do: error_code (SQLSTATE), error_message, '
  'failed_step, pre_state, partial_state, recovery_action.';
comment on column sd_transition_audit.login is 'Login role (session_user) that asked for it.';
comment on column sd_transition_audit.created_at is 'When it began.';
comment on column sd_transition_audit.updated_at is 'When it ended; never the same moment as created_at.';
comment on column sd_transition_audit.started_at is 'When it began.';
comment on column sd_transition_audit.completed_at is 'When it was completed; null when it failed.';

create table sd_phase_handoffs (
  id uuid constraint sd_phase_handoffs_pkey primary key,
  sd_id text not null,
  handoff_type text not null,
  from_phase text not null,
  to_phase text not null,
  status text not null default 'pending_acceptance'
    constraint sd_phase_handoffs_status_known
      check (status in ('pending_acceptance', 'accepted', 'rejected', 'blocked')),
  scores jsonb not null default '{}',
  elements jsonb not null default '{}',
  session_id text,
  request_id text,
  audit_id uuid,
  execution_time_ms numeric,
  login text not null default session_user,
  created_at timestamptz not null default clock_timestamp(),
  constraint sd_phase_handoffs_accepted_moved check (status <> 'accepted' or audit_id is not null)
);
create index sd_phase_handoffs_sd on sd_phase_handoffs (sd_id, created_at);
create index sd_phase_handoffs_created on sd_phase_handoffs (created_at);
create index sd_phase_handoffs_audit on sd_phase_handoffs (audit_id) where audit_id is not null;
comment on table sd_phase_handoffs is
  'Every handoff that was asked for, a row each: accepted, blocked by a gate, or rejected because the transition was.';
comment on column sd_phase_handoffs.id is 'Time-ordered id (UUID version 7).';
comment on column sd_phase_handoffs.sd_id is 'Id of the directive.';
comment on column sd_phase_handoffs.handoff_type is 'Which handoff, such as EXEC-TO-PLAN.';
comment on column sd_phase_handoffs.from_phase is 'Phase of the directive when it was asked for.';
comment on column sd_phase_handoffs.to_phase is 'Phase that it leads to.';
comment on column sd_phase_handoffs.status is
  'accepted, blocked (by its gates) or rejected (the transition was refused or failed); pending_acceptance is for rows '
  'of other systems.';
comment on column sd_phase_handoffs.scores is 'The answer of fn_evaluate_gates.';
comment on column sd_phase_handoffs.elements is 'The answer of fn_atomic_transition; empty when the gates blocked it.';
comment on column sd_phase_handoffs.session_id is 'The session that asked for it.';
comment on column sd_phase_handoffs.request_id is 'The caller''s id of the request.';
comment on column sd_phase_handoffs.audit_id is 'Row of sd_transition_audit of the transition that it made.';
comment on column sd_phase_handoffs.execution_time_ms is 'How long gates and transition took, in milliseconds.';
comment on column sd_phase_handoffs.login is 'Login role (session_user) that asked for it.';
comment on column sd_phase_handoffs.created_at is 'When it was asked for.';
