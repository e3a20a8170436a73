-- Approved work: missions, their steps, and every attempt at a step.
set local lock_timeout = '5s';

create table ops_missions (
  id uuid constraint ops_missions_pkey primary key,
  proposal_id uuid,
  title text,
  status text not null default 'approved'
    constraint ops_missions_status_known check (status in ('approved', 'running', 'succeeded', 'failed', 'cancelled')),
  priority smallint not null default 0,
  depth integer not null default 0,
  approved_risk smallint not null default 1,
  auto_approved boolean not null default false,
  end_told boolean not null default false,
  parent_step_id uuid,
  steps_total integer not null default 0,
  steps_open integer not null default 0,
  steps_failed integer not null default 0,
  error text,
  error_code text,
  resolved_logins text[],
  started_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 40);
create unique index ops_missions_proposal on ops_missions (proposal_id);
create index ops_missions_created on ops_missions using brin (created_at);
comment on table ops_missions is 'Approved proposals at work; status and counters follow from the steps.';
comment on column ops_missions.id is 'Time-ordered id (UUID version 7).';
comment on column ops_missions.proposal_id is
  'The proposal whose approval made it; a proposal makes one mission at most.';
comment on column ops_missions.title is 'The title of the template.';
comment on column ops_missions.status is 'approved, running, succeeded, failed or cancelled.';
comment on column ops_missions.priority is 'Higher runs first.';
comment on column ops_missions.depth is 'Causation depth of the event behind it; its own events are one deeper.';
comment on column ops_missions.approved_risk is
  'Risk (1 low, 2 medium, 3 high) that the approval covers; a step found riskier when claimed is parked.';
comment on column ops_missions.auto_approved is
  'True when policy approved it; then the claim also checks auto_approve again.';
comment on column ops_missions.end_told is
  'True when its mission:succeeded is a row of ops_agent_events; else ops_events derives it.';
comment on column ops_missions.parent_step_id is
  'The step of kind mission that waits for its end; null for most.';
comment on column ops_missions.steps_total is 'Number of steps.';
comment on column ops_missions.steps_open is 'Steps that have not ended.';
comment on column ops_missions.steps_failed is 'Steps that failed for good.';
comment on column ops_missions.error is 'Why it failed or was cancelled.';
comment on column ops_missions.error_code is 'The code of error; null where it has none.';
comment on column ops_missions.resolved_logins is
  'Logins that said how a step of it ended: they had a hand in what it causes, as its proposers had.';
comment on column ops_missions.started_at is 'When its first step was claimed.';
comment on column ops_missions.completed_at is 'When it ended.';
comment on column ops_missions.created_at is 'When it was approved.';
comment on column ops_missions.updated_at is 'When it changed last.';

create table ops_mission_steps (
  id uuid constraint ops_mission_steps_pkey primary key default gen_random_uuid(),
  mission_id uuid not null,
  key text,
  position integer not null default 1,
  kind text not null,
  executor text not null,
  params jsonb not null default '{}',
  slots jsonb,
  depends_on uuid[] not null default '{}',
  unblocks uuid[] not null default '{}',
  waiting_on integer not null default 0,
  status text not null default 'queued'
    constraint ops_mission_steps_status_known
      check (status in ('blocked', 'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped')),
  priority smallint not null default 0,
  depth integer not null default 0,
  lane integer,
  ready_seq bigint,
  run_after timestamptz,
  on_failure text not null default 'fail'
    constraint ops_mission_steps_on_failure_known check (on_failure in ('fail', 'continue', 'isolate')),
  on_lease_lost text constraint ops_mission_steps_on_lease_lost_known check (on_lease_lost in ('retry', 'hold')),
  timeout_seconds integer,
  max_retries integer,
  failure_count integer not null default 0,
  attempt integer not null default 0,
  worker_id text,
  lease_token uuid,
  lease_epoch integer,
  lease_expires_at timestamptz,
  deadline_at timestamptz,
  reserved_at timestamptz,
  cancel_requested boolean not null default false,
  progress jsonb,
  result jsonb,
  last_error text,
  last_error_code text,
  wait_reason text,
  judged_generation integer,
  approved_digest text,
  needs_approval boolean not null default false,
  on_turn jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 40);
create index ops_mission_steps_mission on ops_mission_steps (mission_id);
create index ops_mission_steps_created on ops_mission_steps using brin (created_at);
comment on table ops_mission_steps is
  'The steps of missions. No index on a column that changes, so that claim and completion stay HOT; an ordinary table '
  'to add columns to, copy, delete from and truncate.';
comment on column ops_mission_steps.id is 'Time-ordered id (UUID version 7).';
comment on column ops_mission_steps.mission_id is 'The mission.';
comment on column ops_mission_steps.key is 'Name of the step within its template; step_1, step_2 … by default.';
comment on column ops_mission_steps.position is 'Position in the template, from 1.';
comment on column ops_mission_steps.kind is 'The kind of work; part of the names of its events.';
comment on column ops_mission_steps.executor is 'The code that runs it.';
comment on column ops_mission_steps.params is
  'Input for the executor, as judged; slots are filled when the step is claimed.';
comment on column ops_mission_steps.slots is 'Places in params filled from results of earlier steps; null for none.';
comment on column ops_mission_steps.depends_on is 'Steps that must end before this one may start.';
comment on column ops_mission_steps.unblocks is 'Steps that wait for this one.';
comment on column ops_mission_steps.waiting_on is 'How many steps of depends_on have not ended.';
comment on column ops_mission_steps.status is
  'blocked, queued, running, waiting, succeeded, failed, cancelled or skipped.';
comment on column ops_mission_steps.priority is 'Higher runs first; from the mission.';
comment on column ops_mission_steps.depth is 'Causation depth; from the mission.';
comment on column ops_mission_steps.lane is 'Lane of its last row in ops_ready.';
comment on column ops_mission_steps.ready_seq is 'Place of its last row in ops_ready.';
comment on column ops_mission_steps.run_after is 'A retry is not claimed before this time.';
comment on column ops_mission_steps.on_failure is
  'fail: a final failure fails the mission; continue: the mission goes on without it; isolate: so it does, but for the '
  'steps that need this one, which are cancelled.';
comment on column ops_mission_steps.on_lease_lost is
  'retry or hold when its worker vanished; null leaves it to policy and executor.';
comment on column ops_mission_steps.timeout_seconds is
  'How long one attempt may take, seconds; null leaves it to policy.';
comment on column ops_mission_steps.max_retries is
  'Failures after which it fails for good; fixed at the first claim when the template does not say.';
comment on column ops_mission_steps.failure_count is 'Failed attempts so far, lost leases included.';
comment on column ops_mission_steps.attempt is 'Number of the current or last attempt; 0 before the first.';
comment on column ops_mission_steps.worker_id is 'Worker of the current or last attempt.';
comment on column ops_mission_steps.lease_token is
  'Token of the current or last attempt; every word about the attempt must show it.';
comment on column ops_mission_steps.lease_epoch is
  'Epoch (ops_control) under which the current or last attempt was claimed; the lease is void once that has been '
  'raised.';
comment on column ops_mission_steps.lease_expires_at is
  'When the lease runs out unless it is extended; null while not running.';
comment on column ops_mission_steps.deadline_at is 'When the current attempt must be over; not extendable.';
comment on column ops_mission_steps.reserved_at is 'When the last attempt was claimed; kept after the end.';
comment on column ops_mission_steps.cancel_requested is 'True when its worker has been asked to stop.';
comment on column ops_mission_steps.progress is 'Last progress reported; handed to the next attempt.';
comment on column ops_mission_steps.result is 'The result of the accepted attempt.';
comment on column ops_mission_steps.last_error is 'Error of the last failed attempt.';
comment on column ops_mission_steps.last_error_code is
  'The code of last_error, as its reporter gave it; null where none was given.';
comment on column ops_mission_steps.wait_reason is
  'Why it is waiting, or was cancelled: a sentence for people. The reason as data is in ops_parked_steps.';
comment on column ops_mission_steps.judged_generation is
  'Policy generation under which the params without slots were judged; the claim judges again when it moved.';
comment on column ops_mission_steps.approved_digest is
  'Digest of rendered params that a person approved for this very step.';
comment on column ops_mission_steps.needs_approval is
  'It runs only once persons have approved exactly what it would run: kind approval, or needs_approval.';
comment on column ops_mission_steps.on_turn is
  'The work of the loop when its turn comes, before any worker may claim it; null for none: {"for_each": true} a copy '
  'of it is made for each item, its params being {"for_each", "params"}; {"spread": n} they were made, and are what it '
  'depends on behind the first n; {"needs_approval"} so do the copies; {"run_after": [seconds or '
  'timestamps]}. {} for kinds wait and mission, which no worker ever has; {"listens": true} where it listens since its '
  'mission began.';
comment on column ops_mission_steps.created_at is 'When the mission was approved.';
comment on column ops_mission_steps.updated_at is 'When the step changed last.';

create table ops_parked_steps (
  step_id uuid constraint ops_parked_steps_pkey primary key,
  waits_for text not null
    constraint ops_parked_steps_waits_for_known check (waits_for in ('person', 'pause', 'time', 'event', 'limit')),
  scope text,
  target text,
  until timestamptz,
  since timestamptz not null default now(),
  code text constraint ops_parked_steps_code_form check (code ~ '^OPS_[0-9]{3}$'),
  rules_version integer,
  constraint ops_parked_steps_pause_is_named check (waits_for <> 'pause' or (scope is not null and target is not null))
);
create index ops_parked_steps_person on ops_parked_steps (since, step_id) where waits_for = 'person';
create index ops_parked_steps_unproposed on ops_parked_steps (since, step_id)
  where scope = 'mission' and target is null;
create index ops_parked_steps_pause on ops_parked_steps (scope, target, step_id) where waits_for = 'pause';
comment on table ops_parked_steps is
  'The reason why each waiting step waits. A step is parked if, and only if, it is waiting and has a row here: the '
  'inbox finds those that wait for a person by their row, a resume those of its pause. wait_reason in the step is the '
  'sentence made of it, which nothing reads but people.';
comment on column ops_parked_steps.step_id is 'The step.';
comment on column ops_parked_steps.waits_for is 'person, pause, time, event or limit.';
comment on column ops_parked_steps.scope is
  'For a pause: its scope, as in ops_pauses. Else run_after, worker, for_each, or wait or mission by the kind of the '
  'step.';
comment on column ops_parked_steps.target is
  'For a pause: its target. For an event: its type, or for a mission its proposal, once it is made.';
comment on column ops_parked_steps.until is
  'When it goes on by itself, for which there is a row in ops_timers; null when only something else lets it.';
comment on column ops_parked_steps.since is 'When it was parked.';
comment on column ops_parked_steps.code is 'Why, as a code of docs/errors.md; null where none stands for it.';
comment on column ops_parked_steps.rules_version is
  'For a person: the version of approval_rules that it was parked under, by which it is asked whom it needs.';

create table ops_strays (
  kind text not null
    constraint ops_strays_kind_known
      check (kind in ('mission without steps', 'step without mission', 'stuck mission', 'row that cannot be changed')),
  id uuid not null,
  remedy text not null,
  noticed_at timestamptz not null default now(),
  constraint ops_strays_pkey primary key (kind, id)
);
comment on table ops_strays is
  'Missions and steps that a heartbeat found without their counterpart, as after a table was truncated or restored '
  'alone, missions whose steps wait for what never ends, and rows that no UPDATE can change; 1,000 of a kind at most. '
  'Normally empty.';
comment on column ops_strays.kind is
  'mission without steps; step without mission; stuck mission: all its open steps are blocked by ended ones; or row '
  'that cannot be changed (OPS_042), which sweeps leave alone for ten minutes.';
comment on column ops_strays.id is
  'The mission, the step, the event, the reaction or the proposal; of a message of the outbox its number as a uuid.';
comment on column ops_strays.remedy is 'The statement that ends it, or shows it, with the error behind it.';
comment on column ops_strays.noticed_at is 'When it was found.';

create table ops_action_runs (
  id uuid not null,
  run_id uuid not null,
  step_id uuid not null,
  executor text not null,
  worker_id text,
  attempt integer not null,
  status text not null
    constraint ops_action_runs_status_known
      check (status in ('succeeded', 'failed', 'lost', 'released', 'cancelled', 'fenced')),
  started_at timestamptz,
  completed_at timestamptz not null,
  meta jsonb not null default '{}',
  error text,
  error_code text,
  constraint ops_action_runs_pkey primary key (step_id, id)
);
create index ops_action_runs_completed on ops_action_runs using brin (completed_at) with (autosummarize = on);
comment on table ops_action_runs is
  'Every attempt at a step, append-only, written when it ended; the running one is in the step.';
comment on column ops_action_runs.id is 'Time-ordered id (UUID version 7).';
comment on column ops_action_runs.run_id is 'The attempt: its lease token, spent by now.';
comment on column ops_action_runs.step_id is 'The step.';
comment on column ops_action_runs.executor is 'The code that ran it.';
comment on column ops_action_runs.worker_id is 'The worker incarnation that held the lease.';
comment on column ops_action_runs.attempt is 'Number of the attempt, from 1.';
comment on column ops_action_runs.status is
  'succeeded, failed, lost (lease ran out), released (given back unused), cancelled, or fenced: a late report that '
  'changed nothing.';
comment on column ops_action_runs.started_at is 'When it was claimed.';
comment on column ops_action_runs.completed_at is 'When its end was recorded.';
comment on column ops_action_runs.meta is 'Usage reported by the executor, and the evidence of a fenced report.';
comment on column ops_action_runs.error is 'The error.';
comment on column ops_action_runs.error_code is
  'The code of error, as its reporter gave it; null where none was given.';

create view ops_queue as
select l.executor,
       l.priority,
       r.ready,
       (select s.created_at from ops_ready q join ops_mission_steps s on s.id = q.id
         where q.lane = l.lane order by q.seq limit 1) as oldest,
       (select count(*) from ops_workers_seen w where w.live_until > now() and w.executors ? l.executor) as live_workers
  from ops_lanes l
  cross join lateral (select count(*) as ready from ops_ready q where q.lane = l.lane) r
 where l.queue = 'steps' and r.ready > 0;
comment on view ops_queue is
  'Steps that are ready to be claimed, by executor and priority, and how many live workers offer that executor.';
comment on column ops_queue.executor is 'The executor that the steps ask for.';
comment on column ops_queue.priority is 'Their priority.';
comment on column ops_queue.ready is 'How many are ready.';
comment on column ops_queue.oldest is 'When the first one was created.';
comment on column ops_queue.live_workers is
  'Workers that offer the executor and were seen in the last minute; with 0 no claim will come (OPS_005).';

-- The id of a derived event is that of its step or mission with another variant: 8, 9, a, b become c, d, e, f (_event).
create view ops_step_successes as
select s.id as step_id,
       overlay(s.id::text placing translate(substr(s.id::text, 20, 1), '89ab', 'cdef') from 20)::uuid as id,
       'step:' || s.kind || ':succeeded' as type,
       -- As _step_event makes it.
       jsonb_build_object(
         'step_id', s.id, 'mission_id', s.mission_id, 'key', s.key, 'kind', s.kind, 'executor', s.executor,
         'attempt', r.attempt,
         case when octet_length(s.result::text) > 8192 then 'result_bytes' else 'result' end,
         case when octet_length(s.result::text) > 8192 then to_jsonb(octet_length(s.result::text))
              else s.result end) as data,
       s.mission_id, s.depth + 1 as depth, r.completed_at as created_at
  from ops_mission_steps s
  join ops_action_runs r on r.step_id = s.id and r.attempt = s.attempt
 -- Of an attempt that a person resolved there is a stored event, and of one that a pattern watched, under its id.
 where s.status = 'succeeded' and r.status = 'succeeded' and not r.meta ? 'resolved_by'
   and not exists (select from ops_agent_events e where e.id = r.id);
comment on view ops_step_successes is
  'Successes of steps that no pattern watched when they came, as events: derived from step and attempt.';
comment on column ops_step_successes.step_id is 'The step.';
comment on column ops_step_successes.id is 'Id of the event: that of the step, with another variant.';
comment on column ops_step_successes.type is 'step:<kind>:succeeded.';
comment on column ops_step_successes.data is 'The facts.';
comment on column ops_step_successes.mission_id is 'Its mission.';
comment on column ops_step_successes.depth is 'Causation depth: one more than the mission''s.';
comment on column ops_step_successes.created_at is 'When its result was accepted.';

create view ops_mission_successes as
select overlay(m.id::text placing translate(substr(m.id::text, 20, 1), '89ab', 'cdef') from 20)::uuid as id,
       -- As _mission_event makes it.
       jsonb_build_object('mission_id', m.id, 'title', m.title, 'proposal_id', m.proposal_id,
                          'steps_total', m.steps_total) as data,
       m.id as mission_id, m.depth + 1 as depth,
       -- After the success of its last step, which came in the same statement.
       m.completed_at + interval '1 microsecond' as created_at
  from ops_missions m
 where m.status = 'succeeded' and not m.end_told;
comment on view ops_mission_successes is
  'Successes of missions that no pattern watched when they came, as events: derived from the mission.';
comment on column ops_mission_successes.id is 'Id of the event: that of the mission, with another variant.';
comment on column ops_mission_successes.data is 'The facts.';
comment on column ops_mission_successes.mission_id is 'The mission.';
comment on column ops_mission_successes.depth is 'Causation depth: one more than the mission''s.';
comment on column ops_mission_successes.created_at is 'When it ended.';

create view ops_events as
select e.id, e.dedupe_key, e.type, e.data, e.mission_id, e.depth, e.emitted_login, e.ready_seq, e.processed_at,
       e.created_at
  from ops_agent_events e
 union all
select s.id, null, s.type, s.data, s.mission_id, s.depth, null, null, s.created_at, s.created_at
  from ops_step_successes s
 union all
select m.id, null, 'mission:succeeded', m.data, m.mission_id, m.depth, null, null, m.created_at, m.created_at
  from ops_mission_successes m;
comment on view ops_events is
  'All events: the rows of ops_agent_events, and the successes of steps and missions that no pattern watched when they '
  'came, which are not stored a second time but derived from step, attempt and mission. Their order is created_at, id.';
comment on column ops_events.id is 'Id of the event; of a derived one see the view.';
comment on column ops_events.dedupe_key is 'As in ops_agent_events; null for a derived one.';
comment on column ops_events.type is 'The type of the event, as words joined by colons, such as step:noop:succeeded.';
comment on column ops_events.data is 'The facts.';
comment on column ops_events.mission_id is 'The mission that made the event; null for one from outside.';
comment on column ops_events.depth is 'Causation depth.';
comment on column ops_events.emitted_login is 'As in ops_agent_events; null for a derived one.';
comment on column ops_events.ready_seq is 'As in ops_agent_events; null for a derived one.';
comment on column ops_events.processed_at is 'When it was compared with the reaction matrix; null while it waits.';
comment on column ops_events.created_at is 'When it was emitted.';
