-- The tables, views, sequences and indexes as they are now, for reading: written by `make docs` from a freshly deployed
-- database, and loaded by nothing. How they got here is in schema/, under the names that stand above each group. Row
-- level security is on for every table; grants.sql says who may read. What a run of the loop adds, sequences
-- ops_lane_mark_N for the lanes of steps, is left out.

-- 0001_ledger ---------------------------------------------------------------------------------------------------------
-- The ledger: which changes are installed here, by which login, and which routines are opsloop's own.

-- The installations of opsloop in this schema: one row per schema change and per reload of the routines.
create table opsloop_schema_change (
  -- Name of the script in sql/schema, or code_ and the start of a digest for a reload between releases.
  change text not null,
  -- The release that this change completes; null for the changes within a release.
  version text,
  -- Digest of the routine files loaded with it: unknown when a runner other than opsloop migrate loaded them, none
  -- after they were dropped, null when it loaded none.
  code_digest text,
  -- When it was installed.
  installed_at timestamptz not null default clock_timestamp(),
  -- The login role that installed it.
  installed_by text not null default session_user,
  constraint opsloop_schema_change_pkey primary key (change)
);

-- The routines that opsloop installed in this schema. It replaces and drops only these.
create table opsloop_routine (
  -- Name of the routine.
  name text not null,
  -- Types of its input arguments, separated by comma and space, as oidvectortypes() prints them.
  arg_types text not null,
  constraint opsloop_routine_pkey primary key (name, arg_types)
);

-- 0002_policy ---------------------------------------------------------------------------------------------------------
-- Policy: versioned documents that decide what may run. The history never loses a version.

-- The policy documents in force; change them with fn_set_policy, or by plain UPDATE as the operations runbook does.
create table ops_policy (
  -- Name of the document: reaction_matrix, auto_approve, proposal_caps, worker_policy, agent_roles, outbox,
  -- size_limits, transition_rules, gate_thresholds, gate_applicability, approval_rules, retention, or one of the team's
  -- own.
  key text not null,
  -- The document; its top-level keys are those of the operations runbook.
  value jsonb not null,
  -- Counts up by one with every change, starting at 1.
  version integer not null default 1,
  -- When this version came into force.
  updated_at timestamptz not null default now(),
  -- The person or program that changed it, as claimed (p_actor) or, for a direct UPDATE, the login.
  updated_by text not null default session_user,
  constraint ops_policy_pkey primary key (key)
);

-- Every version of every policy document, append-only and without holes.
create table ops_policy_history (
  -- Name of the document.
  key text not null,
  -- Version number, from 1 without a hole.
  version integer not null,
  -- The whole document as it stood in this version.
  value jsonb not null,
  -- When this version came into force.
  updated_at timestamptz not null default now(),
  -- The person or program that changed it, as claimed by the caller.
  changed_by text not null,
  -- The login role (session_user) that made the change.
  changed_login text not null default session_user,
  -- Why, in the words of the actor; null for a change by hand.
  reason text,
  constraint ops_policy_history_pkey primary key (key, version)
);

-- Policy changes as before and after, for the audit query of the operations runbook.
--   policy_key: Name of the document.
--   old_value: The document before the change; null for the first version.
--   new_value: The document after the change.
--   changed_by: The person or program that changed it.
--   changed_at: When it was changed.
create view ops_policy_audit as
select h.key as policy_key,
       lag(h.value) over (partition by h.key order by h.version) as old_value,
       h.value as new_value,
       h.changed_by,
       h.updated_at as changed_at
  from ops_policy_history h;

-- Agreements to a change of policy that lets more run, where approval_rules.policy asks for that.
create table ops_policy_votes (
  -- Name of the document.
  key text not null,
  -- The version that was in force; 0 for none.
  version integer not null,
  -- Digest of the document that shall follow it.
  digest text not null,
  -- The login that agreed.
  login text not null,
  -- The person or program that agreed, as claimed.
  actor text not null,
  -- The groups that the login was in.
  groups text[] not null,
  -- Why.
  reason text,
  -- When.
  created_at timestamptz not null,
  constraint ops_policy_votes_pkey primary key (key, version, digest, login)
);

-- Documents that are judged beside the one in force, and decide nothing: the heartbeat holds them against what the gate
-- has decided since.
create table ops_policy_shadows (
  -- Name of the document that it stands beside.
  key text not null,
  -- The content of the document.
  value jsonb not null,
  -- The person or program that set it, as claimed.
  set_by text not null,
  -- The login that set it.
  set_login text not null default session_user,
  -- Why.
  reason text,
  -- Proposals and events of that time and later are judged.
  since timestamptz not null,
  -- Proposals and events before that time have been judged.
  judged_to timestamptz not null,
  -- Up to where is judged next, once no transaction is left that could still commit a proposal or event of before.
  next_to timestamptz,
  -- Every transaction with a lower number must have ended before that.
  ticket xid8,
  -- When the heartbeat looks at it again: after twenty times as long as it took.
  next_at timestamptz not null,
  constraint ops_policy_shadows_pkey primary key (key)
);

-- How many decisions each shadow has judged, by what was decided and what it says.
create table ops_shadow_counts (
  -- Name of the document.
  key text not null,
  -- The decision that was made.
  old_outcome text not null,
  -- The decision that the shadow would have made.
  new_outcome text not null,
  -- How many.
  decisions bigint not null,
  constraint ops_shadow_counts_pkey primary key (key, old_outcome, new_outcome)
);

create sequence ops_shadow_decisions_id_seq;

-- Decisions that a shadow would have taken otherwise, the newest 10,000 of each; ops_shadow_counts has all.
create table ops_shadow_decisions (
  -- Counts up.
  id bigint not null default nextval('ops_shadow_decisions_id_seq'),
  -- Name of the document.
  key text not null,
  -- The decision that was made.
  old_outcome text not null,
  -- The decision that the shadow would have made.
  new_outcome text not null,
  -- The proposal; null where a pattern reacts that did not.
  proposal_id uuid,
  -- The event, for a shadow of reaction_matrix.
  event_id uuid,
  -- The pattern, for a shadow of reaction_matrix.
  pattern text,
  -- Its title.
  title text,
  -- Its source.
  source text not null,
  -- When it was proposed.
  decided_at timestamptz not null,
  -- The path in policy that says so.
  rule text,
  -- Why.
  reason text,
  constraint ops_shadow_decisions_pkey primary key (id)
);
create index ops_shadow_decisions_key on ops_shadow_decisions (key, id);

-- 0003_queue ----------------------------------------------------------------------------------------------------------
-- The ready queue: one narrow table, in lanes, for all that is ready to be taken, so that taking costs the same beside
-- ten million finished rows. The wide tables have no index on a column that changes.

create sequence ops_lane_seq as integer start 10;

-- The lanes of ops_ready: events, reactions, the outbox, and one for each executor and priority (rarely two, when two
-- transactions made it at once), so that steps that cannot run never lie in front of steps that can.
create table ops_lanes (
  -- Lane number; 1 is events, 2 is reactions, 3 is the outbox, steps start at 10.
  lane integer not null default nextval('ops_lane_seq'),
  -- The kind of item in the lane: events, reactions, messages of the outbox, or steps.
  queue text not null,
  -- For steps: the executor that the lane belongs to.
  executor text,
  -- For steps: the priority; lanes of a higher one are served first.
  priority smallint not null default 0,
  -- The sequence whose value is the low-water mark of the lane: no row has this seq or a lower one, so a reader begins
  -- behind it and never scans the dead tuples of what was taken before, however long a snapshot keeps them. A sequence,
  -- because a row that each move updates would itself leave dead tuples.
  mark regclass not null,
  -- The mark is valid only for the ops_ready with this oid …
  mark_table oid,
  -- … and since this start of the server: pg_dump reads sequences outside its snapshot, so that a restored mark could
  -- lie above rows restored with it.
  mark_server_start timestamptz,
  -- For steps: since when every look of the heartbeat found the lane empty; looks that found it used may be missing.
  idle_since timestamptz,
  -- Not null when the lane is about to be dropped, and no more steps are put into it. 0 at first, then a seq: once all
  -- that announced themselves by then have ended, nothing can come any more.
  closing bigint,
  -- When the lane was first needed.
  created_at timestamptz not null default now(),
  constraint ops_lanes_pkey primary key (lane),
  constraint ops_lanes_queue_known check (queue in ('events', 'reactions', 'outbox', 'steps')),
  constraint ops_lanes_steps_have_executor check ((queue = 'steps') = (executor is not null))
);
create index ops_lanes_steps on ops_lanes (executor, priority) where queue = 'steps';

create sequence ops_lane_mark_1 minvalue 0 owned by ops_lanes.lane;

create sequence ops_lane_mark_2 minvalue 0 owned by ops_lanes.lane;

create sequence ops_lane_mark_3 minvalue 0 owned by ops_lanes.lane;

create sequence ops_ready_seq;

-- Items that are ready to be taken; the taker deletes the row. The truth about a step stays in ops_mission_steps.
create table ops_ready (
  -- The lane (ops_lanes) it waits in.
  lane integer not null,
  -- Order within the lane; smaller goes first.
  seq bigint not null default nextval('ops_ready_seq'),
  -- The event, reaction or step that waits; for the outbox the id of the message, in hexadecimal.
  id uuid not null,
  constraint ops_ready_pkey primary key (lane, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.5, autovacuum_vacuum_cost_delay = 0);

create sequence ops_late_enqueuers_id_seq;

-- Open transactions that announced themselves so long ago that the mark of a lane has passed the rows that they may
-- bring. After their end the lane is read from their floor on, until none of these rows is left. Normally empty; an
-- entry may exist twice.
create table ops_late_enqueuers (
  -- The key. A unique (lane, holder) would make one session wait for another that records the same.
  id bigint not null default nextval('ops_late_enqueuers_id_seq'),
  -- The lane whose mark has passed its floor, or is about to.
  lane integer not null,
  -- The transaction, by its id: transactionid in pg_locks, where its process id is.
  holder xid not null,
  -- All rows that it brings have a higher ops_ready.seq than this.
  floor bigint not null,
  -- When it was found to have fallen behind.
  noticed_at timestamptz not null default now(),
  constraint ops_late_enqueuers_pkey primary key (id)
);
create index ops_late_enqueuers_lane on ops_late_enqueuers (lane);

create sequence ops_timer_seq;

-- When to look at which steps: one row for each claim (lease), each batch of retries, and each time that parked steps
-- wait for. A hint only; the truth is in the step, or in ops_parked_steps.
create table ops_timers (
  -- When to look.
  due_at timestamptz not null,
  -- Makes the key unique.
  id bigint not null default nextval('ops_timer_seq'),
  -- The steps to look at.
  step_ids uuid[] not null,
  constraint ops_timers_pkey primary key (due_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- Worker incarnations: one row per process start, never a bare host name.
create table ops_workers (
  -- The incarnation: host, pid and a random part.
  worker_id text not null,
  -- Host the process runs on.
  hostname text,
  -- Process id on that host.
  pid integer,
  -- Version of the opsloop package that it runs.
  version text,
  -- Executors it offers: {"name": {"idempotent": true}}.
  executors jsonb not null default '{}',
  -- Settings taken from its environment, such as max_retries.
  settings jsonb not null default '{}',
  -- Login role (session_user) that registered it.
  login text not null default session_user,
  -- True while it sleeps until notified; producers notify only then.
  idle boolean not null default false,
  -- Not null while it is asleep, and neither beats nor gives a sign of life: until when it counts as alive, infinity
  -- while a session of it listens.
  asleep_until timestamptz,
  -- When the process registered.
  started_at timestamptz not null default now(),
  -- Its last sign of life.
  last_seen_at timestamptz not null default now(),
  -- When it unregistered; null while it lives, or if it vanished.
  stopped_at timestamptz,
  constraint ops_workers_pkey primary key (worker_id)
) with (fillfactor = 50);
create index ops_workers_idle on ops_workers (worker_id) where idle;
create index ops_workers_asleep on ops_workers (worker_id) where asleep_until is not null;

-- Workers that have not unregistered, and until when each counts as alive: a worker is alive while live_until is to
-- come. (The reader compares it with _now(): a view cannot ask the clock of the loop.)
--   worker_id: The incarnation.
--   executors: Executors it offers.
--   idle: True while it sleeps until notified.
--   last_seen_at: Its last sign of life.
--   live_until: A minute after its last sign of life; later while it is asleep, infinity while a session of it listens.
--   asleep: True while it is asleep, and gives no sign of life.
create view ops_workers_seen as
select w.worker_id, w.executors, w.idle, w.last_seen_at,
       -- A moment that was written by hand may be the last that there is.
       case when w.asleep_until is null
            then least(w.last_seen_at, timestamptz '9999-12-31 00:00+00') + interval '1 minute'
            when w.asleep_until < 'infinity' then w.asleep_until
            -- As _keeps_watch, which is loaded later.
            when exists (select from pg_locks l
                          where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
                            and l.classid = 'ops_workers'::regclass
                            and l.objid = (hashtext(w.worker_id)::bigint & 4294967295)::oid
                            and l.database = (select d.oid from pg_database d where d.datname = current_database()))
            then w.asleep_until
            else least(w.last_seen_at, timestamptz '9999-12-31 00:00+00') + interval '1 minute' end as live_until,
       w.asleep_until is not null as asleep
  from ops_workers w
 where w.stopped_at is null;

-- How far the rolling scans have come that find rows written by hand; the lock of a row is the right to sweep.
create table ops_sweep (
  -- The kind of row that is scanned: steps, missions, events, reactions or outbox.
  name text not null,
  -- Id of the last row looked at; null at the start of a round.
  position uuid,
  -- How many rows the last part had, a fifth of them where it found something. The next one waits a second for each
  -- 4,000.
  seen integer not null default 0,
  -- When the last part was looked at.
  swept_at timestamptz,
  constraint ops_sweep_pkey primary key (name)
) with (fillfactor = 50);

-- 0004_events ---------------------------------------------------------------------------------------------------------
-- Signals in (events) and event × pattern (reactions).

-- Signals in: facts that happened, each compared with the reaction matrix exactly once.
create table ops_agent_events (
  -- Time-ordered id (UUID version 7).
  id uuid not null default gen_random_uuid(),
  -- Optional; a second event with the same key is the first one.
  dedupe_key text,
  -- The type of the event, as words joined by colons, such as step:noop:failed.
  type text not null,
  -- The facts; patterns read tags and source from here.
  data jsonb not null default '{}',
  -- The mission that made the event; null for one from outside.
  mission_id uuid,
  -- Causation depth: 0 from outside, else one more than the event that started the mission.
  depth integer not null default 0,
  -- Login role (session_user) that emitted it, or whose decision it tells of; null for other events of the loop itself.
  emitted_login text,
  -- Place of its last row in ops_ready; null when it never had one.
  ready_seq bigint,
  -- When it was compared with the reaction matrix; null while it waits.
  processed_at timestamptz,
  -- When it was emitted (start of the emitting transaction).
  created_at timestamptz not null default now(),
  -- The transaction that emitted it: so a step that waits knows whether it was committed before its turn came.
  emitted_in xid8 not null default pg_current_xact_id(),
  constraint ops_agent_events_pkey primary key (id)
) with (fillfactor = 70);
create unique index ops_agent_events_dedupe on ops_agent_events (dedupe_key) where dedupe_key is not null;
create index ops_agent_events_heartbeats on ops_agent_events (created_at)
  where type in ('heartbeat:success', 'heartbeat:failure');
create index ops_agent_events_mission on ops_agent_events (mission_id) where mission_id is not null;
create index ops_agent_events_created on ops_agent_events using brin (created_at);

-- Event × pattern: the reactions of the reaction matrix to an event.
create table ops_agent_reactions (
  -- Time-ordered id (UUID version 7).
  id uuid not null default gen_random_uuid(),
  -- The event that matched.
  event_id uuid not null,
  -- Name of the pattern in the reaction matrix.
  pattern text not null,
  -- queued, processing, done or failed.
  status text not null default 'queued',
  -- The filled template, its slots, the dedupe key and the causation depth.
  payload jsonb not null default '{}',
  -- Why it failed, or which proposal it repeats.
  reason text,
  -- Code of the error that failed it: OPS_…, or the SQLSTATE where it is not one of the loop; else null.
  reason_code text,
  -- The proposal it led to.
  proposal_id uuid,
  -- Place of its last row in ops_ready; null when it never had one.
  ready_seq bigint,
  -- When the pattern matched.
  created_at timestamptz not null default now(),
  -- When the status changed last.
  updated_at timestamptz not null default now(),
  constraint ops_agent_reactions_pkey primary key (id),
  constraint ops_agent_reactions_event_id_pattern_key unique (event_id, pattern),
  constraint ops_agent_reactions_status_known check (status in ('queued', 'processing', 'done', 'failed'))
) with (fillfactor = 70);
create index ops_agent_reactions_created on ops_agent_reactions using brin (created_at);

-- When each pattern with cooldown_minutes reacted last; its row is locked while events are matched.
create table ops_pattern_cooldowns (
  -- Name of the pattern.
  pattern text not null,
  -- When it reacted last.
  fired_at timestamptz not null,
  constraint ops_pattern_cooldowns_pkey primary key (pattern)
) with (fillfactor = 50);

-- 0005_proposals ------------------------------------------------------------------------------------------------------
-- Gated intents, the votes on them, and the counters that keep caps exact.

-- Gated intents: the work to run, the verdict of policy, and the decision.
create table ops_mission_proposals (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- Optional; a second proposal with the same key is the first one. Keys of reactions and keys of callers are apart.
  dedupe_key text,
  -- Where it came from: trigger when born of a reaction, else what the proposer said.
  source text not null,
  -- The event behind it, if any.
  event_id uuid,
  -- The reaction behind it, if any.
  reaction_id uuid,
  -- pending, voting, approved (by a person), auto_approved (by policy), rejected or expired.
  status text not null default 'pending',
  -- The title of the template.
  title text,
  -- The risk judged: the higher of the declared one and what risk_rules say.
  risk_level text not null default 'low',
  -- Higher runs first, -100 to 100; from the template, default 0.
  priority smallint not null default 0,
  -- Causation depth of the event behind it; 0 without one.
  depth integer not null default 0,
  -- The template that would run, placeholders of the event filled in.
  template jsonb not null,
  -- Places still to be filled from results of earlier steps, fixed when the template was written.
  slots jsonb not null default '[]',
  -- sha256 (hex) of template and slots when proposed.
  template_digest text not null,
  -- The digest that was approved; an approval counts for that digest only.
  approved_digest text,
  -- Why it has its status.
  reason text,
  -- Code of the reason where the gate gave it: OPS_003 forbidden or over a cap, OPS_009 a person must decide; else
  -- null.
  reason_code text,
  -- Versions of the policy documents that decided, such as {"auto_approve": 7}.
  policy_snapshot jsonb not null default '{}',
  -- When it was counted against the caps, on this UTC day; null while the counter was busy, or while it is over a cap.
  counted_at timestamptz,
  -- While it waits because it was over a cap: when the window of that cap ends, and it is gated again.
  gate_after timestamptz,
  -- Login role (session_user) of the proposer, or that emitted the event behind it; null for an event of the loop
  -- itself.
  proposed_login text default session_user,
  -- Every login that had a hand in it, and so may not decide on it: the one that proposed it or emitted the event
  -- behind it, and the proposers of the mission or proposal that the event is about.
  proposers text[] not null default array[session_user::text],
  -- The person or program that decided, as claimed; policy when no person had to.
  decided_by text,
  -- Login role (session_user) that decided.
  decided_login text,
  -- When it was approved.
  approved_at timestamptz,
  -- When it was proposed.
  created_at timestamptz not null default now(),
  -- When the status changed last.
  updated_at timestamptz not null default now(),
  constraint ops_mission_proposals_pkey primary key (id),
  constraint ops_mission_proposals_risk_known check (risk_level in ('low', 'medium', 'high')),
  constraint ops_mission_proposals_status_known
    check (status in ('pending', 'voting', 'approved', 'auto_approved', 'rejected', 'expired'))
) with (fillfactor = 80);
create unique index ops_mission_proposals_dedupe on ops_mission_proposals (dedupe_key, (source = 'trigger'))
  where dedupe_key is not null;
create unique index ops_mission_proposals_reaction on ops_mission_proposals (reaction_id) where reaction_id is not null;
create index ops_mission_proposals_open on ops_mission_proposals (created_at) where status in ('pending', 'voting');
create index ops_mission_proposals_uncounted on ops_mission_proposals (coalesce(gate_after, created_at), created_at)
  where (status in ('pending', 'voting')) and counted_at is null;
create index ops_mission_proposals_by_hand on ops_mission_proposals (created_at)
  where (status in ('approved', 'auto_approved')) and approved_digest is null;
create index ops_mission_proposals_created on ops_mission_proposals using brin (created_at);
create index ops_mission_proposals_counted on ops_mission_proposals using brin (counted_at);

-- Votes of agents, and votes of persons, on proposals: those of agents advise, those of persons fill the seats that
-- approval_rules ask for, one seat a login. Evidence: they stay when the proposal is deleted.
create table ops_proposal_votes (
  -- The proposal.
  proposal_id uuid not null,
  -- The role that voted (agent_roles), or the actor who decided.
  agent_role text not null,
  -- approve, reject or abstain.
  vote text not null,
  -- Why, in the words of the voter.
  reason text,
  -- True for the decision of a person, false for the vote of an agent.
  decision boolean not null default false,
  -- Login role whose vote it is: that of the session or, where the control plane speaks for a person, of that person.
  voted_login text not null default session_user,
  -- Login role (session_user) of the session that cast it.
  cast_login text not null default session_user,
  -- The template_digest that it is for; it counts for that only. Null for a vote of an agent.
  digest text,
  -- The groups of approval_rules that the login was in when it voted.
  groups text[] not null default '{}',
  -- When the vote was cast or last changed.
  created_at timestamptz not null default now(),
  constraint ops_proposal_votes_pkey primary key (proposal_id, agent_role, voted_login, decision),
  constraint ops_proposal_votes_vote_known check (vote in ('approve', 'reject', 'abstain'))
);
create unique index ops_proposal_votes_role on ops_proposal_votes (proposal_id, agent_role) where not decision;
create unique index ops_proposal_votes_login on ops_proposal_votes (proposal_id, voted_login) where decision;

-- Demands of approval_rules on proposals, where they demand more than one decision before the proposal may run: a row
-- for each such proposal. Evidence: it stays when the proposal is deleted.
create table ops_approvals (
  -- The proposal.
  proposal_id uuid not null,
  -- When persons were first asked; expiry and escalation count from then.
  asked_at timestamptz not null,
  -- Version of approval_rules when it was proposed.
  rules_version integer,
  -- The demands of the rules at that time: {"rules", "seats", "veto", "reason_required", "expires_minutes",
  -- "on_expiry", "escalate"}; null where none matched.
  required jsonb,
  -- Version of approval_rules that expires_at and escalations were last worked out from.
  seen_version integer,
  -- From then on it never runs, or waits for votes anew; null for never.
  expires_at timestamptz,
  -- reject: the proposal is expired. hold: it stays, and the votes until then no longer count.
  on_expiry text,
  -- When it was held; votes until then do not count.
  held_at timestamptz,
  -- Escalations to come: [{"rule", "group", "event", "at"}].
  escalations jsonb not null default '[]',
  -- Those that came; members of their groups fill seats of the rule, too.
  escalated jsonb not null default '[]',
  -- When the heartbeat looks at it: its expiry or next escalation.
  next_at timestamptz,
  -- Version of approval_rules in force when its mission started.
  started_version integer,
  -- The demands of that version, in the form of required.
  started_required jsonb,
  constraint ops_approvals_pkey primary key (proposal_id),
  constraint ops_approvals_on_expiry_known check (on_expiry in ('reject', 'hold'))
);
create index ops_approvals_next on ops_approvals (next_at) where next_at is not null;

-- Which login filled which seat when the mission of a proposal started. Evidence: rows stay when the proposal is
-- deleted.
create table ops_approval_seats (
  -- The proposal.
  proposal_id uuid not null,
  -- Of which rules the seat is: those when it was proposed, or those in force when its mission started.
  held_by text not null,
  -- Number of the seat, from 1.
  seat integer not null,
  -- Name of the rule that asks for it.
  rule text not null,
  -- The groups whose members may fill it; * for anybody who may decide.
  groups text[] not null,
  -- The login whose vote filled it.
  login text not null,
  constraint ops_approval_seats_pkey primary key (proposal_id, held_by, seat),
  constraint ops_approval_seats_one_a_login unique (proposal_id, held_by, login),
  constraint ops_approval_seats_held_by_known check (held_by in ('proposed', 'in force'))
);

-- Decisions that one login took alone in spite of the seats that approval_rules ask for. Evidence: rows stay when the
-- proposal is deleted.
create table ops_break_glass (
  -- The proposal that was started.
  proposal_id uuid not null,
  -- The login that decided alone.
  login text not null,
  -- The person or program that did it, as claimed.
  actor text not null,
  -- Why it could not wait.
  reason text not null,
  -- The template_digest that was started.
  digest text not null,
  -- Until when two others must have signed it off; then health fails.
  review_due timestamptz not null,
  -- When.
  used_at timestamptz not null,
  constraint ops_break_glass_pkey primary key (proposal_id)
);
create index ops_break_glass_used on ops_break_glass (used_at);

-- Sign-offs of a decision that was taken alone, by two logins that neither took it nor proposed.
create table ops_break_glass_reviews (
  -- The proposal.
  proposal_id uuid not null,
  -- The login that signed it off.
  login text not null,
  -- The person or program that did it, as claimed.
  actor text not null,
  -- The finding of the review.
  reason text,
  -- When.
  created_at timestamptz not null,
  constraint ops_break_glass_reviews_pkey primary key (proposal_id, login)
);

-- Standing grants: the vote of a login, given beforehand for all that matches, until a time and so many times.
create table ops_grants (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- The proposals it covers: {"digest"}, {"command"} or {"kinds"}, each with "sources" and "max_risk" if it shall cover
  -- less.
  match jsonb not null,
  -- When it ends.
  until timestamptz not null,
  -- How often it counts at most.
  max_uses integer not null,
  -- How often it has counted.
  uses integer not null default 0,
  -- The login whose vote it is.
  granted_login text not null,
  -- The person or program that gave it, as claimed.
  granted_by text not null,
  -- Why.
  reason text,
  -- When it was given.
  created_at timestamptz not null,
  -- When it was revoked; null while it was not.
  revoked_at timestamptz,
  -- The person or program that revoked it, as claimed.
  revoked_by text,
  -- The login that revoked it.
  revoked_login text,
  constraint ops_grants_pkey primary key (id),
  constraint ops_grants_bounded check (uses >= 0 and uses <= max_uses)
);
create index ops_grants_live on ops_grants (until) where revoked_at is null and uses < max_uses;

-- Each time that a grant counted as the vote of its login. Evidence: never deleted.
create table ops_grant_uses (
  -- The grant.
  grant_id uuid not null,
  -- The proposal that it voted for.
  proposal_id uuid not null,
  -- The template_digest of that proposal.
  digest text not null,
  -- When.
  used_at timestamptz not null,
  constraint ops_grant_uses_pkey primary key (grant_id, proposal_id)
);

-- How many proposals count against each cap, so that a cap is one row to lock and not a count.
create table ops_cap_counters (
  -- day, hour, day:<source> or hour:<source>.
  scope text not null,
  -- Start of the UTC day or hour.
  window_start timestamptz not null,
  -- Proposals that count: all counted in the window but the rejected.
  used integer not null default 0,
  constraint ops_cap_counters_pkey primary key (window_start, scope),
  constraint ops_cap_counters_scope_known check (split_part(scope, ':', 1) = any (array['day', 'hour']))
) with (fillfactor = 50);

-- 0006_missions -------------------------------------------------------------------------------------------------------
-- Approved work: missions, their steps, and every attempt at a step.

-- Approved proposals at work; status and counters follow from the steps.
create table ops_missions (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- The proposal whose approval made it; a proposal makes one mission at most.
  proposal_id uuid,
  -- The title of the template.
  title text,
  -- approved, running, succeeded, failed or cancelled.
  status text not null default 'approved',
  -- Higher runs first.
  priority smallint not null default 0,
  -- Causation depth of the event behind it; its own events are one deeper.
  depth integer not null default 0,
  -- Risk (1 low, 2 medium, 3 high) that the approval covers; a step found riskier when claimed is parked.
  approved_risk smallint not null default 1,
  -- True when policy approved it; then the claim also checks auto_approve again.
  auto_approved boolean not null default false,
  -- True when its mission:succeeded is a row of ops_agent_events; else ops_events derives it.
  end_told boolean not null default false,
  -- The step of kind mission that waits for its end; null for most.
  parent_step_id uuid,
  -- Number of steps.
  steps_total integer not null default 0,
  -- Steps that have not ended.
  steps_open integer not null default 0,
  -- Steps that failed for good.
  steps_failed integer not null default 0,
  -- Why it failed or was cancelled.
  error text,
  -- The code of error; null where it has none.
  error_code text,
  -- Logins that said how a step of it ended: they had a hand in what it causes, as its proposers had.
  resolved_logins text[],
  -- When its first step was claimed.
  started_at timestamptz,
  -- When it ended.
  completed_at timestamptz,
  -- When it was approved.
  created_at timestamptz not null default now(),
  -- When it changed last.
  updated_at timestamptz not null default now(),
  constraint ops_missions_pkey primary key (id),
  constraint ops_missions_status_known check (status in ('approved', 'running', 'succeeded', 'failed', 'cancelled'))
) with (fillfactor = 40);
create unique index ops_missions_proposal on ops_missions (proposal_id);
create index ops_missions_created on ops_missions using brin (created_at);

-- The steps of missions. No index on a column that changes, so that claim and completion stay HOT; an ordinary table to
-- add columns to, copy, delete from and truncate.
create table ops_mission_steps (
  -- Time-ordered id (UUID version 7).
  id uuid not null default gen_random_uuid(),
  -- The mission.
  mission_id uuid not null,
  -- Name of the step within its template; step_1, step_2 … by default.
  key text,
  -- Position in the template, from 1.
  position integer not null default 1,
  -- The kind of work; part of the names of its events.
  kind text not null,
  -- The code that runs it.
  executor text not null,
  -- Input for the executor, as judged; slots are filled when the step is claimed.
  params jsonb not null default '{}',
  -- Places in params filled from results of earlier steps; null for none.
  slots jsonb,
  -- Steps that must end before this one may start.
  depends_on uuid[] not null default '{}',
  -- Steps that wait for this one.
  unblocks uuid[] not null default '{}',
  -- How many steps of depends_on have not ended.
  waiting_on integer not null default 0,
  -- blocked, queued, running, waiting, succeeded, failed, cancelled or skipped.
  status text not null default 'queued',
  -- Higher runs first; from the mission.
  priority smallint not null default 0,
  -- Causation depth; from the mission.
  depth integer not null default 0,
  -- Lane of its last row in ops_ready.
  lane integer,
  -- Place of its last row in ops_ready.
  ready_seq bigint,
  -- A retry is not claimed before this time.
  run_after timestamptz,
  -- fail: a final failure fails the mission; continue: the mission goes on without it; isolate: so it does, but for the
  -- steps that need this one, which are cancelled.
  on_failure text not null default 'fail',
  -- retry or hold when its worker vanished; null leaves it to policy and executor.
  on_lease_lost text,
  -- How long one attempt may take, seconds; null leaves it to policy.
  timeout_seconds integer,
  -- Failures after which it fails for good; fixed at the first claim when the template does not say.
  max_retries integer,
  -- Failed attempts so far, lost leases included.
  failure_count integer not null default 0,
  -- Number of the current or last attempt; 0 before the first.
  attempt integer not null default 0,
  -- Worker of the current or last attempt.
  worker_id text,
  -- Token of the current or last attempt; every word about the attempt must show it.
  lease_token uuid,
  -- Epoch (ops_control) under which the current or last attempt was claimed; the lease is void once that has been
  -- raised.
  lease_epoch integer,
  -- When the lease runs out unless it is extended; null while not running.
  lease_expires_at timestamptz,
  -- When the current attempt must be over; not extendable.
  deadline_at timestamptz,
  -- When the last attempt was claimed; kept after the end.
  reserved_at timestamptz,
  -- True when its worker has been asked to stop.
  cancel_requested boolean not null default false,
  -- Last progress reported; handed to the next attempt.
  progress jsonb,
  -- The result of the accepted attempt.
  result jsonb,
  -- Error of the last failed attempt.
  last_error text,
  -- The code of last_error, as its reporter gave it; null where none was given.
  last_error_code text,
  -- Why it is waiting, or was cancelled: a sentence for people. The reason as data is in ops_parked_steps.
  wait_reason text,
  -- Policy generation under which the params without slots were judged; the claim judges again when it moved.
  judged_generation integer,
  -- Digest of rendered params that a person approved for this very step.
  approved_digest text,
  -- It runs only once persons have approved exactly what it would run: kind approval, or needs_approval.
  needs_approval boolean not null default false,
  -- The work of the loop when its turn comes, before any worker may claim it; null for none: {"for_each": true} a copy
  -- of it is made for each item, its params being {"for_each", "params"}; {"spread": n} they were made, and are what it
  -- depends on behind the first n; {"needs_approval"} so do the copies; {"run_after": [seconds or timestamps]}. {} for
  -- kinds wait and mission, which no worker ever has; {"listens": true} where it listens since its mission began.
  on_turn jsonb,
  -- When the mission was approved.
  created_at timestamptz not null default now(),
  -- When the step changed last.
  updated_at timestamptz not null default now(),
  constraint ops_mission_steps_pkey primary key (id),
  constraint ops_mission_steps_on_failure_known check (on_failure in ('fail', 'continue', 'isolate')),
  constraint ops_mission_steps_on_lease_lost_known check (on_lease_lost in ('retry', 'hold')),
  constraint ops_mission_steps_status_known
    check (status in ('blocked', 'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped'))
) with (fillfactor = 40);
create index ops_mission_steps_mission on ops_mission_steps (mission_id);
create index ops_mission_steps_created on ops_mission_steps using brin (created_at);

-- The reason why each waiting step waits. A step is parked if, and only if, it is waiting and has a row here: the inbox
-- finds those that wait for a person by their row, a resume those of its pause. wait_reason in the step is the sentence
-- made of it, which nothing reads but people.
create table ops_parked_steps (
  -- The step.
  step_id uuid not null,
  -- person, pause, time, event or limit.
  waits_for text not null,
  -- For a pause: its scope, as in ops_pauses. Else run_after, worker, for_each, or wait or mission by the kind of the
  -- step.
  scope text,
  -- For a pause: its target. For an event: its type, or for a mission its proposal, once it is made.
  target text,
  -- When it goes on by itself, for which there is a row in ops_timers; null when only something else lets it.
  until timestamptz,
  -- When it was parked.
  since timestamptz not null default now(),
  -- Why, as a code of docs/errors.md; null where none stands for it.
  code text,
  -- For a person: the version of approval_rules that it was parked under, by which it is asked whom it needs.
  rules_version integer,
  constraint ops_parked_steps_pkey primary key (step_id),
  constraint ops_parked_steps_code_form check (code ~ '^OPS_[0-9]{3}$'),
  constraint ops_parked_steps_pause_is_named check (waits_for <> 'pause' or scope is not null and target is not null),
  constraint ops_parked_steps_waits_for_known check (waits_for in ('person', 'pause', 'time', 'event', 'limit'))
);
create index ops_parked_steps_person on ops_parked_steps (since, step_id) where waits_for = 'person';
create index ops_parked_steps_unproposed on ops_parked_steps (since, step_id)
  where scope = 'mission' and target is null;
create index ops_parked_steps_pause on ops_parked_steps (scope, target, step_id) where waits_for = 'pause';

-- Missions and steps that a heartbeat found without their counterpart, as after a table was truncated or restored
-- alone, missions whose steps wait for what never ends, and rows that no UPDATE can change; 1,000 of a kind at most.
-- Normally empty.
create table ops_strays (
  -- mission without steps; step without mission; stuck mission: all its open steps are blocked by ended ones; or row
  -- that cannot be changed (OPS_042), which sweeps leave alone for ten minutes.
  kind text not null,
  -- The mission, the step, the event, the reaction or the proposal; of a message of the outbox its number as a uuid.
  id uuid not null,
  -- The statement that ends it, or shows it, with the error behind it.
  remedy text not null,
  -- When it was found.
  noticed_at timestamptz not null default now(),
  constraint ops_strays_pkey primary key (kind, id),
  constraint ops_strays_kind_known
    check (kind in ('mission without steps', 'step without mission', 'stuck mission', 'row that cannot be changed'))
);

-- Every attempt at a step, append-only, written when it ended; the running one is in the step.
create table ops_action_runs (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- The attempt: its lease token, spent by now.
  run_id uuid not null,
  -- The step.
  step_id uuid not null,
  -- The code that ran it.
  executor text not null,
  -- The worker incarnation that held the lease.
  worker_id text,
  -- Number of the attempt, from 1.
  attempt integer not null,
  -- succeeded, failed, lost (lease ran out), released (given back unused), cancelled, or fenced: a late report that
  -- changed nothing.
  status text not null,
  -- When it was claimed.
  started_at timestamptz,
  -- When its end was recorded.
  completed_at timestamptz not null,
  -- Usage reported by the executor, and the evidence of a fenced report.
  meta jsonb not null default '{}',
  -- The error.
  error text,
  -- The code of error, as its reporter gave it; null where none was given.
  error_code text,
  constraint ops_action_runs_pkey primary key (step_id, id),
  constraint ops_action_runs_status_known
    check (status in ('succeeded', 'failed', 'lost', 'released', 'cancelled', 'fenced'))
);
create index ops_action_runs_completed on ops_action_runs using brin (completed_at) with (autosummarize='on');

-- Steps that are ready to be claimed, by executor and priority, and how many live workers offer that executor.
--   executor: The executor that the steps ask for.
--   priority: Their priority.
--   ready: How many are ready.
--   oldest: When the first one was created.
--   live_workers: Workers that offer the executor and were seen in the last minute; with 0 no claim will come
--  (OPS_005).
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

-- Successes of steps that no pattern watched when they came, as events: derived from step and attempt.
--   step_id: The step.
--   id: Id of the event: that of the step, with another variant.
--   type: step:<kind>:succeeded.
--   data: The facts.
--   mission_id: Its mission.
--   depth: Causation depth: one more than the mission's.
--   created_at: When its result was accepted.
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

-- Successes of missions that no pattern watched when they came, as events: derived from the mission.
--   id: Id of the event: that of the mission, with another variant.
--   data: The facts.
--   mission_id: The mission.
--   depth: Causation depth: one more than the mission's.
--   created_at: When it ended.
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

-- All events: the rows of ops_agent_events, and the successes of steps and missions that no pattern watched when they
-- came, which are not stored a second time but derived from step, attempt and mission. Their order is created_at, id.
--   id: Id of the event; of a derived one see the view.
--   dedupe_key: As in ops_agent_events; null for a derived one.
--   type: The type of the event, as words joined by colons, such as step:noop:succeeded.
--   data: The facts.
--   mission_id: The mission that made the event; null for one from outside.
--   depth: Causation depth.
--   emitted_login: As in ops_agent_events; null for a derived one.
--   ready_seq: As in ops_agent_events; null for a derived one.
--   processed_at: When it was compared with the reaction matrix; null while it waits.
--   created_at: When it was emitted.
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

-- 0007_outbox ---------------------------------------------------------------------------------------------------------
-- The transactional outbox: messages that leave the loop.

create sequence outbox_id_seq;

-- Side effects, published in the transaction of the caller and so visible only if it commits.
create table outbox (
  -- Order of publishing; not the order of commits.
  id bigint not null default nextval('outbox_id_seq'),
  -- The type of the aggregate that the effect is about.
  aggregate_type text not null,
  -- Which one; effects about the same one keep their order.
  aggregate_id text not null,
  -- The type of the message; policy routes by it.
  event_type text not null,
  -- The message.
  payload jsonb not null default '{}',
  -- Optional; a second message with the same key is the first one.
  dedupe_key text,
  -- When it was published.
  created_at timestamptz not null default now(),
  -- When it was delivered, or given up (dead); null while it waits.
  processed_at timestamptz,
  -- Failed deliveries so far.
  retry_count integer not null default 0,
  -- Error of the last failed delivery, or why it is not tried.
  last_error text,
  -- The same for every delivery of this message, and never of another: the receiver's idempotency key.
  message_id uuid not null default gen_random_uuid(),
  -- The processor that delivered it, or gave it up.
  processor_id text,
  -- True when it was given up: it is in dead_letter_archive, whole.
  dead boolean not null default false,
  -- Place of its last hint in ops_ready.
  ready_seq bigint,
  -- The transaction that published it: a claim takes what had been committed before it began.
  published_in xid8 not null default pg_current_xact_id(),
  -- Each failed delivery: at, processor, error.
  error_history jsonb not null default '[]',
  -- The step whose result brought it, where the worker sends traces; null otherwise.
  step_id uuid,
  constraint outbox_pkey primary key (id)
);
create unique index outbox_dedupe on outbox (dedupe_key) where dedupe_key is not null;
create index outbox_waiting on outbox (aggregate_type, aggregate_id, id) where processed_at is null;

-- Aggregates with a claim or a retry: which processor has their first messages, or until when the next try waits. An
-- aggregate without waiting messages, or whose messages were never claimed, has no row.
create table outbox_heads (
  -- As in outbox.
  aggregate_type text not null,
  -- As in outbox.
  aggregate_id text not null,
  -- A waiting message of this aggregate has a higher id, or still a row of its own in ops_ready.
  mark bigint not null,
  -- The processor that has it; null when none has.
  processor_id text,
  -- Until when that processor has it.
  lease_expires_at timestamptz,
  -- After a failure: when the aggregate is tried again.
  retry_at timestamptz,
  -- The claimed messages, in order; while a retry waits, the message that failed.
  claimed bigint[] not null default '{}',
  constraint outbox_heads_pkey primary key (aggregate_type, aggregate_id),
  constraint outbox_heads_claim_has_lease check ((processor_id is null) = (lease_expires_at is null)),
  constraint outbox_heads_claimed_or_waiting check (processor_id is null or retry_at is null)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0);

create sequence outbox_timer_seq;

-- Look at these aggregates at that time: one row per claim (lease) and per batch of retries. A hint only; the truth is
-- in outbox_heads.
create table outbox_timers (
  -- When to look.
  due_at timestamptz not null,
  -- Makes the key unique.
  id bigint not null default nextval('outbox_timer_seq'),
  -- The aggregates to look at: their types …
  aggregate_types text[] not null,
  -- … their ids …
  aggregate_ids text[] not null,
  -- … and the message that each was claimed or failed with: after a later claim the timer no longer counts.
  event_ids bigint[] not null,
  constraint outbox_timers_pkey primary key (due_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- 0008_control --------------------------------------------------------------------------------------------------------
-- Stop and go: the pauses, and the epoch that the kill switch raises.

-- The pauses in force, one row each; resuming deletes it.
create table ops_pauses (
  -- all, executor, agent, kind, source, mission or schedule; move while the loop moves to another server.
  scope text not null,
  -- Which executor, agent, kind, source, mission or schedule; empty for all and move.
  target text not null default '',
  -- Why.
  reason text,
  -- The person or program that paused, as the caller said.
  paused_by text,
  -- The login role that did it.
  paused_login text not null default session_user,
  -- When.
  paused_at timestamptz not null default now(),
  -- True when the kill switch did it: leases were revoked as well.
  kill boolean not null default false,
  -- True when the steps that it covers are taken out of the queue and parked, since they share their lanes with others;
  -- those of all, move and an executor stay there, as no claim opens their lanes; a schedule has none.
  parks boolean not null generated always as (scope not in ('all', 'executor', 'schedule', 'move')) stored,
  constraint ops_pauses_pkey primary key (scope, target),
  constraint ops_pauses_all_has_no_target check ((scope in ('all', 'move')) = (target = '')),
  constraint ops_pauses_kill_is_of_all check (scope = 'all' or not kill),
  constraint ops_pauses_scope_known
    check (scope in ('all', 'executor', 'agent', 'kind', 'source', 'mission', 'schedule', 'move'))
);

-- One row: the epoch that leases are given under, and the place in a fleet.
create table ops_control (
  -- Keeps it one row.
  one boolean not null default true,
  -- Raised by the kill switch; a lease of an older epoch is void.
  epoch integer not null default 0,
  -- The epoch up to which void leases have all been taken back; below epoch, heartbeats go on doing so.
  revoked_epoch integer not null default 0,
  -- Transactions (pg_locks.virtualtransaction) that were still at it when the kill switch went on without them, and may
  -- yet commit a lease of an older epoch.
  stragglers text[] not null default '{}',
  -- The number of this loop in its fleet; 0 for a loop by itself.
  node integer not null default 0,
  -- The last message of the front of the fleet: its generation and its pauses.
  told jsonb not null default '{}',
  -- When the server started that was running as the front said so. A node whose server has started since hands out
  -- nothing until the front has spoken again.
  told_server_start timestamptz,
  -- When a pause, a resume or the kill switch last changed something.
  updated_at timestamptz not null default now(),
  constraint ops_control_pkey primary key (one),
  constraint ops_control_epoch_fits_token check (epoch >= 0 and epoch <= 9000000),
  constraint ops_control_node_fits_id check (node >= 0 and node <= 255),
  constraint ops_control_one_row check (one)
);

-- 0009_locks ----------------------------------------------------------------------------------------------------------
-- Locks that expire, keys of effects that happen once, counters.

create sequence distributed_locks_token_seq;

-- Locks that expire: a row is a lock that is held until expires_at. An expired lock is free; heartbeats delete its row.
create table distributed_locks (
  -- Name of the lock.
  lock_name text not null,
  -- Id of the holder, as the caller gave it; no two processes share one.
  holder_id text not null,
  -- When this holder got it; extending does not change it.
  acquired_at timestamptz not null default now(),
  -- Held before this moment, on the clock of the server; free from then on.
  expires_at timestamptz not null,
  -- Fencing token: drawn when the lock is acquired, higher than all before it.
  token bigint not null default nextval('distributed_locks_token_seq'),
  -- Login role (session_user) that acquired it; the id of the holder counts for this login only.
  holder_login text not null default session_user,
  constraint distributed_locks_pkey primary key (lock_name)
);
create index distributed_locks_expiry on distributed_locks (expires_at);

-- Effects that happen once: a key, taken in the transaction of the effect, and its result.
create table ops_idempotency_keys (
  -- The key, as the caller made it.
  key text not null,
  -- When it was taken.
  taken_at timestamptz not null,
  -- The transaction that took it, the only one that may store the result.
  taken_in xid8 not null,
  -- From then on it may be taken again; worker_policy.idempotency.keep_hours after it was taken.
  expires_at timestamptz not null,
  -- The result for later callers with the same key; null when none was stored.
  result jsonb,
  constraint ops_idempotency_keys_pkey primary key (key)
);
create index ops_idempotency_keys_expiry on ops_idempotency_keys (expires_at);

-- Counters, summed up: fn_metrics gives this value plus ops_counts.
create table ops_counters (
  -- Name of the counter.
  name text not null,
  -- How often it happened, up to the last summing up.
  value bigint not null,
  constraint ops_counters_pkey primary key (name)
);

create sequence ops_counts_id_seq;

-- Counts that are not summed up yet: a row for each count, so that no two transactions that count meet.
create table ops_counts (
  -- Order of counting.
  id bigint not null default nextval('ops_counts_id_seq'),
  -- Name of the counter.
  name text not null,
  -- How often.
  n bigint not null,
  constraint ops_counts_pkey primary key (id),
  constraint ops_counts_counts_up check (n > 0),
  constraint ops_counts_name_short check (octet_length(name) <= 1000)
);

-- Counts by their time, in parts of ten minutes, for checks of the last hour or day; older parts are deleted.
create table ops_count_times (
  -- Name of the counter.
  name text not null,
  -- The beginning of the ten minutes in which it was summed up.
  since timestamptz not null,
  -- How often.
  n bigint not null,
  constraint ops_count_times_pkey primary key (name, since)
);

-- The counts of workers and relays since their start, as last reported: of the next report only the increase is added.
-- Deleted a week after the last report.
create table ops_process_counts (
  -- The incarnation of the worker or relay.
  process_id text not null,
  -- Login role (session_user) that told it.
  login text not null default session_user,
  -- Name of the count to number: {"dropped": 1}.
  counts jsonb not null,
  -- When it was told last.
  told_at timestamptz not null,
  constraint ops_process_counts_pkey primary key (process_id)
);

-- 0010_replay ---------------------------------------------------------------------------------------------------------
-- Dead letters, whole, and the log of replays: each original message is replayed once, however often that is asked for.

create sequence dead_letter_archive_id_seq;

-- Steps, reactions and messages that gave up, whole, with the reason.
create table dead_letter_archive (
  -- Order of arrival.
  id bigint not null default nextval('dead_letter_archive_id_seq'),
  -- Name of the dead letter: step:<step id>:<attempt> for a step, outbox:<id>:<tries> for a message.
  dl_msg_id text not null,
  -- The failed item: the id of the step or reaction, outbox:<id> for a message.
  original_msg_id text not null,
  -- Id of the recovery candidate, for letters archived by other systems.
  candidate_id text,
  -- Id of the matched failure, for letters archived by other systems.
  failure_match_id text,
  -- The whole of it, with its history of errors.
  payload jsonb not null,
  -- Why it gave up.
  reason text,
  -- How many attempts were made.
  reclaim_count integer not null default 0,
  -- When it gave up.
  dead_lettered_at timestamptz not null default now(),
  -- When it was archived here.
  archived_at timestamptz not null default now(),
  -- The system or person that archived it, as claimed; opsloop for the loop itself.
  archived_by text not null default session_user,
  -- When it was put back, or recorded as replayed; null while it lies here.
  redriven_at timestamptz,
  -- The type of the failed item: step, reaction or message of the outbox, which the loop itself can put back; other for
  -- letters of other systems.
  what text not null default 'other',
  constraint dead_letter_archive_pkey primary key (id),
  constraint dead_letter_archive_dl_msg_id_key unique (dl_msg_id),
  constraint dead_letter_archive_what_known check (what in ('step', 'reaction', 'outbox', 'other'))
);
create index dead_letter_archive_original on dead_letter_archive (original_msg_id);
create index dead_letter_archive_open on dead_letter_archive (id) where redriven_at is null;

create sequence replay_log_id_seq;

-- Replays: one row per original message, so that no second replay takes effect. Append-only.
create table replay_log (
  -- Order of replaying.
  id bigint not null default nextval('replay_log_id_seq'),
  -- The replayed message. For a dead letter of the loop itself this is the letter's own name: an item that fails again
  -- leaves another letter, which may be replayed in its turn.
  original_msg_id text not null,
  -- The dead letter it came from.
  dl_msg_id text,
  -- Id of the recovery candidate, for replays of other systems.
  candidate_id text,
  -- Optional; a second replay with the same key is the first one.
  idempotency_key text,
  -- The outcome: the step, reaction or message put back, or the event that reports it.
  new_msg_id text,
  -- When it was replayed.
  replayed_at timestamptz not null default now(),
  -- The person or program that replayed it, as claimed.
  replayed_by text not null default session_user,
  -- Login role (session_user) that replayed it.
  replayed_login text not null default session_user,
  constraint replay_log_pkey primary key (id),
  constraint replay_log_original_msg_id_key unique (original_msg_id)
);
create unique index replay_log_key on replay_log (idempotency_key) where idempotency_key is not null;
create index replay_log_letter on replay_log (dl_msg_id);

-- 0011_radar ----------------------------------------------------------------------------------------------------------
-- The board of ideas.

-- The board of ideas: watching, validating, building, shipped.
create table ops_demand_radar (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- The idea in a line; unique.
  title text not null,
  -- More about it.
  description text,
  -- watching, validating, building or shipped.
  status text not null default 'watching',
  -- How promising it looks; the scale is the team's own.
  score numeric,
  -- The person, agent or program that put it on the board.
  source text,
  -- The reasons for it.
  evidence jsonb not null default '{}',
  -- When it was put on the board.
  created_at timestamptz not null default now(),
  -- When it changed last.
  updated_at timestamptz not null default now(),
  constraint ops_demand_radar_pkey primary key (id),
  constraint ops_demand_radar_status_known check (status in ('watching', 'validating', 'building', 'shipped'))
);
create unique index ops_demand_radar_title on ops_demand_radar (title);

-- 0012_audit ----------------------------------------------------------------------------------------------------------
-- The audit log: decisions and changes by persons, programs and agents, one row each.

create sequence ops_audit_log_id_seq;

-- Decisions and changes, with the login that made them: a row for each effect, committed with it. Append-only: only a
-- session that may act as the owner of the schema changes or removes a row.
create table ops_audit_log (
  -- Order of writing. A transaction that was rolled back leaves a gap.
  id bigint not null default nextval('ops_audit_log_id_seq'),
  -- When.
  created_at timestamptz not null default now(),
  -- pause, resume, kill, vote, approve, reject, withdraw, break_glass, review, grant, revoke_grant, retry, resolve,
  -- cancel, set_policy, redrive, restore, purge, transition, handoff or move.
  action text not null,
  -- The type of the subject: proposal, mission, step, policy, dead_letter, directive, loop; of pause, resume and kill
  -- the scope of ops_pauses.
  subject_type text not null,
  -- Which one: an id, the key of a document, the name of a letter, the target of a pause; empty for all.
  subject_id text not null default '',
  -- The login role (session_user) that did it. Of an approval by a standing grant the one whose call used the grant:
  -- detail.voted_login is the one that decided.
  login text not null default session_user,
  -- The person or program that did it, as the caller said; else the login. Of a vote the agent role.
  actor text not null,
  -- Why, as the caller said.
  reason text,
  -- The particulars: the answer of a pause, resume or kill, the digest that an approval is for, the outcome of a step,
  -- the vote, the version of a document, what a dead letter became.
  detail jsonb not null default '{}',
  -- Versions of the policy documents in force then, by key; of set_policy with the new one.
  versions jsonb not null default '{}',
  constraint ops_audit_log_pkey primary key (id),
  constraint ops_audit_log_action_named check (action <> ''),
  constraint ops_audit_log_subject_typed check (subject_type <> '')
);
create index ops_audit_log_subject on ops_audit_log (subject_type, subject_id, id);
create index ops_audit_log_action on ops_audit_log (action, id);

-- Every pause, resume and kill: that part of ops_audit_log.
--   id: Order of the actions.
--   action: pause, resume or kill.
--   scope: The scope, as in ops_pauses.
--   target: Which one; empty for all.
--   actor: The person or program that did it, as the caller said.
--   login: The login role that did it.
--   reason: Why.
--   detail: The answer of the call.
--   created_at: When.
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

-- 0013_transitions ----------------------------------------------------------------------------------------------------
-- Directives, transitions and handoffs. Tracked work with its requirements and stories, the sessions that claim it, and
-- the log of what was done to it.

-- Directives: tracked pieces of work with phases. They are the team's own rows; transitions change phase, status,
-- version and updated_at.
create table strategic_directives (
  -- Id of the directive; routines also find it by sd_key.
  id text not null,
  -- Optional second name, as people write it.
  sd_key text,
  -- The subject, for people.
  title text not null default '',
  -- Its type, such as feature or security; decides the threshold of its gates and which gates it skips.
  sd_type text,
  -- Its status; completed, cancelled and deferred take no transition.
  status text not null default 'draft',
  -- Its phase, such as EXEC_IMPLEMENTATION.
  current_phase text not null default 'LEAD',
  -- One more than its completed transitions: a caller that names the version it saw is refused when it is another.
  transition_version integer not null default 1,
  -- When it was made.
  created_at timestamptz not null default now(),
  -- When a transition changed it last.
  updated_at timestamptz not null default now(),
  constraint strategic_directives_pkey primary key (id),
  constraint strategic_directives_sd_key_key unique (sd_key),
  constraint strategic_directives_id_given check (id <> ''),
  constraint strategic_directives_sd_key_given check (sd_key <> '')
) with (fillfactor = 50);

-- Requirements documents of directives.
create table product_requirements (
  -- Id of the requirement.
  id text not null,
  -- The directive it belongs to.
  sd_id text not null,
  -- Its status, such as draft or verification.
  status text not null default 'draft',
  -- Its phase.
  phase text,
  -- When a transition changed it last.
  updated_at timestamptz not null default now(),
  constraint product_requirements_pkey primary key (id),
  constraint product_requirements_id_given check (id <> ''),
  constraint product_requirements_sd_id_fkey foreign key (sd_id)
    references strategic_directives(id) on update cascade on delete cascade
) with (fillfactor = 50);
create index product_requirements_sd on product_requirements (sd_id);

-- User stories of directives.
create table user_stories (
  -- Id of the story.
  id text not null,
  -- The directive it belongs to.
  sd_id text not null,
  -- Its status, such as draft, ready, in_progress or completed.
  status text not null default 'draft',
  -- How far it is built, such as validated.
  implementation_status text,
  -- When a transition changed it last.
  updated_at timestamptz not null default now(),
  constraint user_stories_pkey primary key (id),
  constraint user_stories_id_given check (id <> ''),
  constraint user_stories_sd_id_fkey foreign key (sd_id)
    references strategic_directives(id) on update cascade on delete cascade
) with (fillfactor = 50);
create index user_stories_sd on user_stories (sd_id);

-- Sessions that work on a directive: one each, until expires_at.
create table sd_session_claims (
  -- The directive.
  sd_id text not null,
  -- The session, as it named itself.
  session_id text not null,
  -- When this session got it; extending does not change it.
  claimed_at timestamptz not null,
  -- Last sign of life: when the session claimed it, claimed it again or moved it last.
  heartbeat_at timestamptz not null,
  -- Held before this moment, on the clock of the server.
  expires_at timestamptz not null,
  constraint sd_session_claims_pkey primary key (sd_id),
  constraint sd_session_claims_session_given check (session_id <> ''),
  constraint sd_session_claims_sd_id_fkey foreign key (sd_id)
    references strategic_directives(id) on update cascade on delete cascade
);

-- Every transition that was carried out or failed, a row each; deleting a directive keeps its rows.
create table sd_transition_audit (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- Id of the directive, also where the caller gave its sd_key.
  sd_id text not null,
  -- Which transition: a key of the policy document transition_rules.
  transition_type text not null,
  -- The requirement that was named.
  prd_id text,
  -- The session that asked for it.
  session_id text,
  -- The caller's id of the request; unique among completed rows, so that a request takes effect once.
  request_id text,
  -- Directive and requirement before it.
  pre_state jsonb,
  -- Directive and requirement after it; null when it failed.
  post_state jsonb,
  -- How many user stories it changed; null when it failed.
  stories_updated integer,
  -- Whether it changed the requirement; null when it failed.
  prd_updated boolean,
  -- Version of the directive after it; null when it failed.
  transition_version integer,
  -- completed or failed. in_progress is for rows of other systems: a transition is one transaction.
  status text not null default 'in_progress',
  -- Why it failed, in the words of PostgreSQL.
  error_message text,
  -- Why it failed, where, what had been done until then, and what to do: error_code (SQLSTATE), error_message,
  -- failed_step, pre_state, partial_state, recovery_action.
  error_details jsonb,
  -- Login role (session_user) that asked for it.
  login text not null default session_user,
  -- When it began.
  created_at timestamptz not null default clock_timestamp(),
  -- When it ended; never the same moment as created_at.
  updated_at timestamptz not null default clock_timestamp(),
  -- When it began.
  started_at timestamptz not null default clock_timestamp(),
  -- When it was completed; null when it failed.
  completed_at timestamptz,
  constraint sd_transition_audit_pkey primary key (id),
  constraint sd_transition_audit_status_known check (status in ('in_progress', 'completed', 'failed'))
);
create unique index sd_transition_audit_request on sd_transition_audit (request_id) where status = 'completed';
create index sd_transition_audit_sd on sd_transition_audit (sd_id, created_at);
create index sd_transition_audit_created on sd_transition_audit (created_at);

-- Every handoff that was asked for, a row each: accepted, blocked by a gate, or rejected because the transition was.
create table sd_phase_handoffs (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- Id of the directive.
  sd_id text not null,
  -- Which handoff, such as EXEC-TO-PLAN.
  handoff_type text not null,
  -- Phase of the directive when it was asked for.
  from_phase text not null,
  -- Phase that it leads to.
  to_phase text not null,
  -- accepted, blocked (by its gates) or rejected (the transition was refused or failed); pending_acceptance is for rows
  -- of other systems.
  status text not null default 'pending_acceptance',
  -- The answer of fn_evaluate_gates.
  scores jsonb not null default '{}',
  -- The answer of fn_atomic_transition; empty when the gates blocked it.
  elements jsonb not null default '{}',
  -- The session that asked for it.
  session_id text,
  -- The caller's id of the request.
  request_id text,
  -- Row of sd_transition_audit of the transition that it made.
  audit_id uuid,
  -- How long gates and transition took, in milliseconds.
  execution_time_ms numeric,
  -- Login role (session_user) that asked for it.
  login text not null default session_user,
  -- When it was asked for.
  created_at timestamptz not null default clock_timestamp(),
  constraint sd_phase_handoffs_pkey primary key (id),
  constraint sd_phase_handoffs_accepted_moved check (status <> 'accepted' or audit_id is not null),
  constraint sd_phase_handoffs_status_known check (status in ('pending_acceptance', 'accepted', 'rejected', 'blocked'))
);
create index sd_phase_handoffs_sd on sd_phase_handoffs (sd_id, created_at);
create index sd_phase_handoffs_created on sd_phase_handoffs (created_at);
create index sd_phase_handoffs_audit on sd_phase_handoffs (audit_id) where audit_id is not null;

-- 0014_subagents ------------------------------------------------------------------------------------------------------
-- Sub-agents. The checkers that there are, and what each run of one found.

-- Sub-agents: checkers that a phase of a directive asks for. The team's own rows.
create table leo_sub_agents (
  -- Code of the sub-agent, such as VALIDATION; the key of its step.
  code text not null,
  -- Its name, for people.
  name text not null default '',
  -- From 90 critical, from 70 high.
  priority integer not null default 50,
  -- Codes of the sub-agents that must have run before it.
  depends_on text[] not null default '{}',
  -- Phases that ask for it.
  phases text[] not null default '{}',
  -- Types of directives that it is for; null for all.
  sd_types text[],
  -- The executor that runs it.
  executor text not null default 'noop',
  -- Params of its step; the directive is added to them, for a command as its stdin.
  params jsonb not null default '{}',
  -- How long one run may take.
  timeout_seconds integer not null default 60,
  -- Whether it is used.
  active boolean not null default true,
  constraint leo_sub_agents_pkey primary key (code),
  constraint leo_sub_agents_code_named check (code ~ '^[A-Za-z0-9_-]{1,64}$'),
  constraint leo_sub_agents_timeout_known check (timeout_seconds >= 1 and timeout_seconds <= 604800)
);

-- Runs of sub-agents that a phase of a directive asked for: one proposal, or none.
create table sub_agent_runs (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- Id of the directive.
  sd_id text not null,
  -- The phase.
  phase text not null,
  -- The session that asked for it.
  session_id text,
  -- The sub-agents by code: priority, and result_id where a result of the same hour stands for a run of its own.
  agents jsonb not null,
  -- True when results that were there did not count.
  forced boolean not null,
  -- The proposal of its mission; null when there was nothing to run.
  proposal_id uuid,
  -- True until the result of every step has been stored.
  open boolean not null,
  -- When it was asked for.
  created_at timestamptz not null,
  constraint sub_agent_runs_pkey primary key (id)
) with (fillfactor = 70);
create index sub_agent_runs_open on sub_agent_runs (id) where open;
create index sub_agent_runs_sd on sub_agent_runs (sd_id, created_at);
create unique index sub_agent_runs_proposal on sub_agent_runs (proposal_id);

-- Findings of sub-agents, a row for each run; the same run reported again counts on the first row.
create table sub_agent_execution_results (
  -- Time-ordered id (UUID version 7).
  id uuid not null,
  -- Id of the directive.
  sd_id text not null,
  -- The sub-agent.
  sub_agent_code text not null,
  -- The phase that it was run in.
  phase text,
  -- The session that asked for it.
  session_id text,
  -- The verdict: PASS, WARNING, FAIL or BLOCKED.
  verdict text,
  -- How sure it is, from 0 to 100.
  confidence numeric,
  -- How long it took, in seconds.
  execution_time numeric,
  -- orchestrated, idempotency_key, idempotent_hit, hits, and what the sub-agent added.
  metadata jsonb not null default '{}',
  -- Key of the run, another one each hour; null when it was stored although one was there.
  idempotency_key text,
  -- The mission that ran it.
  mission_id uuid,
  -- The step that ran it.
  step_id uuid,
  -- When it was stored.
  created_at timestamptz not null default clock_timestamp(),
  constraint sub_agent_execution_results_pkey primary key (id),
  constraint sub_agent_execution_results_key unique (idempotency_key)
);
create index sub_agent_execution_results_sd on sub_agent_execution_results (sd_id, created_at);
create index sub_agent_execution_results_created on sub_agent_execution_results (created_at);
create index sub_agent_execution_results_mission on sub_agent_execution_results (mission_id)
  where mission_id is not null;

-- 0015_schedules ------------------------------------------------------------------------------------------------------
-- Schedules: work that starts at given times by itself, and the outcome of each tick.

-- Schedules: at each tick an event is emitted or a template proposed, which policy then judges like any other.
create table ops_schedules (
  -- Its name.
  name text not null,
  -- When it ticks: a cron expression of five fields, or a word such as @daily.
  cron text,
  -- When it ticks: so often, counted from starts_at, else from the beginning of 1970.
  every_seconds integer,
  -- The time zone that cron speaks of.
  timezone text not null default 'UTC',
  -- The event that a tick emits; null when it proposes.
  event_type text,
  -- Data of that event; schedule, tick and source are added.
  data jsonb,
  -- The template that a tick proposes; null when it emits.
  template jsonb,
  -- Source of what is proposed, which caps and pauses name; data.source of events.
  source text not null,
  -- The behaviour of a tick while the work of the tick before is open: allow, skip, or queue to wait for its end.
  overlap text not null default 'allow',
  -- The ticks that are made up for when no heartbeat came for 15 minutes: none, the last one, or all.
  catch_up text not null default 'last',
  -- How many ticks catch up at once, and wait in the queue, at most.
  max_backlog integer not null default 100,
  -- False: it does not tick.
  enabled boolean not null default true,
  -- There are no ticks before.
  starts_at timestamptz,
  -- There are no ticks from then on.
  ends_at timestamptz,
  -- True when a policy file set it: one that leaves it out deletes it.
  from_file boolean not null default false,
  -- All logins that had a hand in it: none of them decides on what comes of its ticks.
  proposers text[] not null,
  -- The person or program that set it last, as the caller said.
  set_by text not null,
  -- The login that set it last; a proposal of a tick counts as proposed by it.
  set_login text not null,
  -- When it was first set.
  created_at timestamptz not null,
  -- When it was last set, enabled or disabled.
  updated_at timestamptz not null,
  -- Ticks up to this moment have been taken, or let go. It never moves back, whatever the clock does.
  seen_until timestamptz not null,
  -- The next tick, when heartbeats look at it; null when none is to come.
  next_at timestamptz,
  -- The last tick that was taken.
  last_at timestamptz,
  -- Its outcome, as in ops_schedule_ticks.
  last_outcome text,
  -- Code of last_reason.
  last_code text,
  -- Why that tick did not do what it should; null when it did.
  last_reason text,
  -- How many ticks in a row were refused or rejected.
  failures integer not null default 0,
  constraint ops_schedules_pkey primary key (name),
  constraint ops_schedules_backlog_known check (max_backlog >= 1 and max_backlog <= 1000),
  constraint ops_schedules_catch_up_known check (catch_up in ('none', 'last', 'all')),
  constraint ops_schedules_every_known check (every_seconds >= 1 and every_seconds <= 31622400),
  constraint ops_schedules_named check (name ~ '^[A-Za-z0-9_.-]{1,100}$'),
  constraint ops_schedules_one_effect check (num_nonnulls(event_type, template) = 1),
  constraint ops_schedules_one_timing check (num_nonnulls(cron, every_seconds) = 1),
  constraint ops_schedules_outcome_known
    check (last_outcome in ('queued', 'fired', 'rejected', 'refused', 'skipped', 'missed')),
  constraint ops_schedules_overlap_known check (overlap in ('allow', 'skip', 'queue'))
) with (fillfactor = 50);
create index ops_schedules_next on ops_schedules (next_at) where next_at is not null;

-- The outcome of each tick: the 1,000 last ones of each schedule, and those that wait. A tick is taken once by its key
-- here, and once by the dedupe_key of its event or proposal, which stays.
create table ops_schedule_ticks (
  -- The schedule.
  schedule text not null,
  -- The moment of the tick; of a run by hand the moment of the call.
  tick timestamptz not null,
  -- due: its time came; run: by hand; backfill: for a time that is past.
  cause text not null,
  -- queued: waits for the one before; fired: emitted or proposed; rejected: proposed, and policy rejected it; refused:
  -- could not be emitted or proposed; skipped: because of overlap; missed: let go because of catch_up.
  outcome text not null,
  -- Code of reason.
  code text,
  -- Why it is not fired, for people.
  reason text,
  -- The event that it emitted.
  event_id uuid,
  -- The proposal that it made.
  proposal_id uuid,
  -- The login that ran or backfilled it; null when it was due.
  login text,
  -- When.
  taken_at timestamptz not null,
  constraint ops_schedule_ticks_pkey primary key (schedule, tick),
  constraint ops_schedule_ticks_cause_known check (cause in ('due', 'run', 'backfill')),
  constraint ops_schedule_ticks_outcome_known
    check (outcome in ('queued', 'fired', 'rejected', 'refused', 'skipped', 'missed'))
);
create index ops_schedule_ticks_taken on ops_schedule_ticks (schedule, taken_at, tick);
create index ops_schedule_ticks_queued on ops_schedule_ticks (schedule, tick) where outcome = 'queued';

-- 0016_waits ----------------------------------------------------------------------------------------------------------
-- Waits of steps for events that are to come, and for missions of their own.

-- Which event each step of kind wait listens for: from when its turn came, or its mission began, until the step ends.
create table ops_event_waits (
  -- The step.
  step_id uuid not null,
  -- The type of the event, or a glob.
  type text not null,
  -- True when type is a glob.
  is_glob boolean not null,
  -- True when type may be that of an event which the loop makes itself: such events are then stored, and looked at,
  -- even if no pattern watches them.
  of_loop boolean not null,
  -- The paths in the data of the event that match compares, in order.
  paths text[] not null,
  -- The values that the event must have: {path: value}.
  match jsonb not null,
  -- Hash of match; equal documents have the same.
  match_hash bigint not null,
  -- From when on it listens.
  since timestamptz not null,
  -- The snapshot from when it began to listen: an event counts when its transaction is not in it, as it was committed
  -- later. Null after a restore, whose transactions have other numbers: then the time counts.
  seen pg_snapshot,
  -- The transaction in which it began; events of the same do not count.
  began_in xid8 not null,
  -- For an event of the loop: transactions from this one on saw that somebody listens, and store what they make. Until
  -- all before it have ended, the heartbeat looks for what they made. 0 while no heartbeat has seen the row.
  look_back_until xid8,
  -- The event that came; null while none did.
  event_id uuid,
  -- Its data.
  data jsonb,
  constraint ops_event_waits_pkey primary key (step_id)
);
create index ops_event_waits_open on ops_event_waits (type, paths, match_hash, step_id) where event_id is null;
create index ops_event_waits_globs on ops_event_waits (type) where event_id is null and is_glob;
create index ops_event_waits_of_loop on ops_event_waits (type) where event_id is null and of_loop;
create index ops_event_waits_look_back on ops_event_waits (since)
  where event_id is null and look_back_until is not null;

create sequence ops_awaited_events_seq;

-- Events that were looked at and that steps wait for, or may: heartbeats give them to these steps, in this order, in
-- bounded parts. Normally empty.
create table ops_awaited_events (
  -- The order in which they were looked at.
  seq bigint not null default nextval('ops_awaited_events_seq'),
  -- The event.
  event_id uuid not null,
  -- Not null when a step was just beginning to listen, in a transaction that was not committed yet: it is kept until
  -- all transactions before this one have ended.
  keep_until xid8,
  constraint ops_awaited_events_pkey primary key (seq)
);

-- The mission, or so far its proposal, that each waiting step of kind mission waits for. A row goes when the step has
-- ended and its mission, too.
create table ops_child_missions (
  -- The step that waits.
  step_id uuid not null,
  -- The proposal that it made.
  proposal_id uuid not null,
  -- The mission of the proposal; null before a heartbeat saw it start.
  mission_id uuid,
  -- True when the step has ended otherwise: its proposal is withdrawn, or its mission cancelled, by the next heartbeat.
  abandoned boolean not null default false,
  constraint ops_child_missions_pkey primary key (step_id),
  constraint ops_child_missions_proposal_key unique (proposal_id)
);
create index ops_child_missions_open on ops_child_missions (step_id) where mission_id is null;
create index ops_child_missions_abandoned on ops_child_missions (step_id) where abandoned;

-- 0017_retention ------------------------------------------------------------------------------------------------------
-- Retention. How far housekeeping has come, which ids were purged when, and dedupe keys that outlive their rows.

-- How far retention has come: a row for each part, whose lock is the right to go on with it. A round reads a part in
-- order of its key.
create table ops_retention (
  -- missions, proposals, events, outbox, dead_letters, keys, audit, votes, handoffs, transitions, sub_agent_results,
  -- sub_agent_runs, replays or purged.
  part text not null,
  -- Key of the last row looked at; null between rounds.
  position text,
  -- When the last round began.
  began_at timestamptz,
  -- When the last round was over; null while one goes on.
  ended_at timestamptz,
  -- How many rows were purged since ever; of missions how many missions.
  purged bigint not null default 0,
  -- The error of the last row that could not be purged; null in a round without.
  error text,
  -- When.
  error_at timestamptz,
  constraint ops_retention_pkey primary key (part)
) with (fillfactor = 50);

create sequence ops_purged_id_seq;

-- Which ids were purged when, a row for each batch, so that an id of the past is answered by its date.
create table ops_purged (
  -- Order of purging.
  id bigint not null default nextval('ops_purged_id_seq'),
  -- The lowest of its ids.
  from_id uuid not null,
  -- The highest of its ids.
  upto_id uuid not null,
  -- The missions of the batch.
  missions uuid[] not null default '{}',
  -- The proposals.
  proposals uuid[] not null default '{}',
  -- The steps.
  steps uuid[] not null default '{}',
  -- The events of these missions, and others that were purged by themselves.
  events uuid[] not null default '{}',
  -- delete, archive (moved to the tables …_archive) or export (written to files first).
  how text not null,
  -- Name of the file of an export that has its rows.
  batch text,
  -- The login role (session_user) whose session purged it.
  login text not null default session_user,
  -- When.
  purged_at timestamptz not null default now(),
  constraint ops_purged_pkey primary key (id),
  constraint ops_purged_how_known check (how in ('delete', 'archive', 'export'))
);
create index ops_purged_upto on ops_purged (upto_id);
create index ops_purged_at on ops_purged using brin (purged_at);

-- Dedupe keys of what was purged: a second event, proposal or message with such a key is still the first one.
create table ops_spent_keys (
  -- event, proposal (of a caller), reaction (proposal of a reaction) or message (of the outbox).
  kind text not null,
  -- The dedupe key.
  key text not null,
  -- The row that had it; of a message its number as a uuid.
  id uuid not null,
  -- The last status of a proposal.
  status text,
  -- The mission of a proposal.
  mission_id uuid,
  -- When its row was purged.
  purged_at timestamptz not null,
  -- From then on the key is free again (retention.dedupe_days); null for never.
  until timestamptz,
  constraint ops_spent_keys_pkey primary key (kind, key),
  constraint ops_spent_keys_kind_known check (kind in ('event', 'proposal', 'reaction', 'message'))
);
create index ops_spent_keys_until on ops_spent_keys (until) where until is not null;

-- 0018_api_keys -------------------------------------------------------------------------------------------------------
-- Keys of the HTTP control plane, and the sign-ins of browsers. Both hold digests of secrets, never a secret.

-- Keys for `opsloop serve`. A call with a key acts as its login, with the rights of its role and no others.
create table ops_api_keys (
  -- Id.
  id uuid not null,
  -- The purpose of the key; while it is rotated, two valid keys have the same name.
  name text not null,
  -- reader, producer, worker, operator or admin: the group whose rights it has.
  role text not null,
  -- The login role that its calls count as, for separation of duty and in every record. It is a member of the group.
  login text not null,
  -- sha256 of the key in hexadecimal digits; the key itself is stored nowhere.
  hash text not null,
  -- When it was made.
  created_at timestamptz not null,
  -- The login that made it.
  created_login text not null,
  -- When it was used last, exact to a minute.
  last_used_at timestamptz,
  -- From then on it is refused; null for never.
  expires_at timestamptz,
  -- Since when it is refused, by word of somebody.
  revoked_at timestamptz,
  -- The login that revoked it.
  revoked_by text,
  constraint ops_api_keys_pkey primary key (id),
  constraint ops_api_keys_hash_unique unique (hash),
  constraint ops_api_keys_hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$'),
  constraint ops_api_keys_name_fits check (char_length(name) >= 1 and char_length(name) <= 100),
  constraint ops_api_keys_role_known check (role in ('reader', 'producer', 'worker', 'operator', 'admin'))
) with (fillfactor = 50);
create index ops_api_keys_name on ops_api_keys (name);

-- Browsers that are signed in to `opsloop serve`, each with a key: it ends with the key, or before.
create table ops_sign_ins (
  -- sha256 of the secret in the cookie, in hexadecimal digits.
  hash text not null,
  -- The key that it was opened with.
  key_id uuid not null,
  -- When.
  created_at timestamptz not null,
  -- Until when it holds.
  expires_at timestamptz not null,
  constraint ops_sign_ins_pkey primary key (hash),
  constraint ops_sign_ins_hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$'),
  constraint ops_sign_ins_key_id_fkey foreign key (key_id) references ops_api_keys(id) on delete cascade
);
create index ops_sign_ins_key_id on ops_sign_ins (key_id);
create index ops_sign_ins_expires_at on ops_sign_ins (expires_at);

-- 0019_metrics --------------------------------------------------------------------------------------------------------
-- Metrics of attempts: how many ended how and how long they took, folded from ops_action_runs after the fact.

-- How many attempts have ended since ever, purged ones too, and how long they took. Attempts are counted by heartbeats,
-- after their end, so that no completion writes more than its attempt.
create table ops_attempt_counts (
  -- Kind of the step; (other) for kinds and executors beyond the first 200 pairs, and where the step is gone.
  kind text not null,
  -- The code that ran it, or (other).
  executor text not null,
  -- Status of the attempt.
  outcome text not null,
  -- How many.
  n bigint not null,
  -- How long those took together whose beginning is known.
  seconds numeric not null,
  -- How many of these took up to each bound of _duration_bounds() and longer than the one before; the last: longer than
  -- all.
  buckets bigint[] not null,
  constraint ops_attempt_counts_pkey primary key (kind, executor, outcome),
  constraint ops_attempt_counts_outcome_known
    check (outcome in ('succeeded', 'failed', 'lost', 'released', 'cancelled', 'fenced'))
) with (fillfactor = 50);

-- Which attempts are counted: those with completed_at before counted_until that a transaction before counted_below has
-- written. Its lock is the right to count.
create table ops_attempt_fold (
  -- Keeps it one row.
  one boolean not null default true,
  -- Attempts that ended from here on are not counted.
  counted_until timestamptz not null,
  -- Attempts that this transaction or a later one has written are not counted, whenever they ended.
  counted_below xid8 not null,
  -- When attempts were counted last; by the clock of that time.
  looked_at timestamptz not null,
  -- A moment up to which attempts may be counted once every transaction before noted_next has ended.
  noted_at timestamptz not null,
  -- The first transaction that had not begun then.
  noted_next xid8 not null,
  constraint ops_attempt_fold_pkey primary key (one),
  constraint ops_attempt_fold_one_row check (one)
) with (fillfactor = 50);

-- 0021_moves ----------------------------------------------------------------------------------------------------------
-- Moves: where a loop goes, or came from, and how far that is. The row travels with the loop: both servers have it.

-- Moves of the loop to another server: one at most is in force, and while it is closed nothing writes to the loop.
create table ops_moves (
  -- The move, the same on both servers.
  id uuid not null,
  -- On the server that it leaves: draining, closed, moved (for good), taken_back. On the other one: closed (as it
  -- came), arrived, open (it goes on here), given_up (it stayed where it was).
  phase text not null,
  -- The database that it leaves, as people name it; no password.
  from_place text not null,
  -- The database that it goes to, likewise.
  to_place text not null,
  -- System identifier and oid of the database that it leaves: tells on which of the two one is.
  origin text not null,
  -- The person or program that began it, as the caller said.
  begun_by text not null,
  -- The login role that began it.
  begun_login text not null default session_user,
  -- Why.
  reason text,
  -- When.
  begun_at timestamptz not null default now(),
  -- Since when nothing has been written on the server that it leaves.
  closed_at timestamptz,
  -- Until when workers and relays may be at what they had leased when it was closed; it is not opened before.
  leases_until timestamptz,
  -- When it was taken back, or opened; null while it is in force.
  ended_at timestamptz,
  -- The one transaction that may write although the loop is closed: of the routine that takes the next step.
  let_through xid8,
  constraint ops_moves_pkey primary key (id),
  constraint ops_moves_end_is_dated check ((phase in ('taken_back', 'open')) = (ended_at is not null)),
  constraint ops_moves_phase_known
    check (phase in ('draining', 'closed', 'moved', 'taken_back', 'arrived', 'given_up', 'open'))
);
create unique index ops_moves_one_in_force on ops_moves ((true)) where ended_at is null;
