-- Sub-agents. The checkers that there are, and what each run of one found.
set local lock_timeout = '5s';

create table leo_sub_agents (
  code text constraint leo_sub_agents_pkey primary key
    constraint leo_sub_agents_code_named check (code ~ '^[A-Za-z0-9_-]{1,64}$'),
  name text not null default '',
  priority integer not null default 50,
  depends_on text[] not null default '{}',
  phases text[] not null default '{}',
  sd_types text[],
  executor text not null default 'noop',
  params jsonb not null default '{}',
  timeout_seconds integer not null default 60
    constraint leo_sub_agents_timeout_known check (timeout_seconds between 1 and 604800),
  active boolean not null default true
);
comment on table leo_sub_agents is 'Sub-agents: checkers that a phase of a directive asks for. The team''s own rows.';
comment on column leo_sub_agents.code is 'Code of the sub-agent, such as VALIDATION; the key of its step.';
comment on column leo_sub_agents.name is 'Its name, for people.';
comment on column leo_sub_agents.priority is 'From 90 critical, from 70 high.';
comment on column leo_sub_agents.depends_on is 'Codes of the sub-agents that must have run before it.';
comment on column leo_sub_agents.phases is 'Phases that ask for it.';
comment on column leo_sub_agents.sd_types is 'Types of directives that it is for; null for all.';
comment on column leo_sub_agents.executor is 'The executor that runs it.';
comment on column leo_sub_agents.params is
  'Params of its step; the directive is added to them, for a command as its stdin.';
comment on column leo_sub_agents.timeout_seconds is 'How long one run may take.';
comment on column leo_sub_agents.active is 'Whether it is used.';

create table sub_agent_runs (
  id uuid constraint sub_agent_runs_pkey primary key,
  sd_id text not null,
  phase text not null,
  session_id text,
  agents jsonb not null,
  forced boolean not null,
  proposal_id uuid,
  open boolean not null,
  created_at timestamptz not null
) with (fillfactor = 70);
create index sub_agent_runs_open on sub_agent_runs (id) where open;
create index sub_agent_runs_sd on sub_agent_runs (sd_id, created_at);
create unique index sub_agent_runs_proposal on sub_agent_runs (proposal_id);
comment on table sub_agent_runs is 'Runs of sub-agents that a phase of a directive asked for: one proposal, or none.';
comment on column sub_agent_runs.id is 'Time-ordered id (UUID version 7).';
comment on column sub_agent_runs.sd_id is 'Id of the directive.';
comment on column sub_agent_runs.phase is 'The phase.';
comment on column sub_agent_runs.session_id is 'The session that asked for it.';
comment on column sub_agent_runs.agents is
  'The sub-agents by code: priority, and result_id where a result of the same hour stands for a run of its own.';
comment on column sub_agent_runs.forced is 'True when results that were there did not count.';
comment on column sub_agent_runs.proposal_id is 'The proposal of its mission; null when there was nothing to run.';
comment on column sub_agent_runs.open is 'True until the result of every step has been stored.';
comment on column sub_agent_runs.created_at is 'When it was asked for.';

create table sub_agent_execution_results (
  id uuid constraint sub_agent_execution_results_pkey primary key,
  sd_id text not null,
  sub_agent_code text not null,
  phase text,
  session_id text,
  verdict text,
  confidence numeric,
  execution_time numeric,
  metadata jsonb not null default '{}',
  idempotency_key text constraint sub_agent_execution_results_key unique,
  mission_id uuid,
  step_id uuid,
  created_at timestamptz not null default clock_timestamp()
);
create index sub_agent_execution_results_sd on sub_agent_execution_results (sd_id, created_at);
create index sub_agent_execution_results_created on sub_agent_execution_results (created_at);
create index sub_agent_execution_results_mission on sub_agent_execution_results (mission_id)
  where mission_id is not null;
comment on table sub_agent_execution_results is
  'Findings of sub-agents, a row for each run; the same run reported again counts on the first row.';
comment on column sub_agent_execution_results.id is 'Time-ordered id (UUID version 7).';
comment on column sub_agent_execution_results.sd_id is 'Id of the directive.';
comment on column sub_agent_execution_results.sub_agent_code is 'The sub-agent.';
comment on column sub_agent_execution_results.phase is 'The phase that it was run in.';
comment on column sub_agent_execution_results.session_id is 'The session that asked for it.';
comment on column sub_agent_execution_results.verdict is 'The verdict: PASS, WARNING, FAIL or BLOCKED.';
comment on column sub_agent_execution_results.confidence is 'How sure it is, from 0 to 100.';
comment on column sub_agent_execution_results.execution_time is 'How long it took, in seconds.';
comment on column sub_agent_execution_results.metadata is
  'orchestrated, idempotency_key, idempotent_hit, hits, and what the sub-agent added.';
comment on column sub_agent_execution_results.idempotency_key is
  'Key of the run, another one each hour; null when it was stored although one was there.';
comment on column sub_agent_execution_results.mission_id is 'The mission that ran it.';
comment on column sub_agent_execution_results.step_id is 'The step that ran it.';
comment on column sub_agent_execution_results.created_at is 'When it was stored.';
