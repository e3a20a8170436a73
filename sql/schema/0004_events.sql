-- Signals in (events) and event × pattern (reactions).
set local lock_timeout = '5s';

create table ops_agent_events (
  id uuid constraint ops_agent_events_pkey primary key default gen_random_uuid(),
  dedupe_key text,
  type text not null,
  data jsonb not null default '{}',
  mission_id uuid,
  depth integer not null default 0,
  emitted_login text,
  ready_seq bigint,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  emitted_in xid8 not null default pg_current_xact_id()
) with (fillfactor = 70);
create unique index ops_agent_events_dedupe on ops_agent_events (dedupe_key) where dedupe_key is not null;
create index ops_agent_events_heartbeats on ops_agent_events (created_at)
  where type in ('heartbeat:success', 'heartbeat:failure');
create index ops_agent_events_mission on ops_agent_events (mission_id) where mission_id is not null;
create index ops_agent_events_created on ops_agent_events using brin (created_at);
comment on table ops_agent_events is
  'Signals in: facts that happened, each compared with the reaction matrix exactly once.';
comment on column ops_agent_events.id is 'Time-ordered id (UUID version 7).';
comment on column ops_agent_events.dedupe_key is 'Optional; a second event with the same key is the first one.';
comment on column ops_agent_events.type is
  'The type of the event, as words joined by colons, such as step:noop:failed.';
comment on column ops_agent_events.data is 'The facts; patterns read tags and source from here.';
comment on column ops_agent_events.mission_id is 'The mission that made the event; null for one from outside.';
comment on column ops_agent_events.depth is
  'Causation depth: 0 from outside, else one more than the event that started the mission.';
comment on column ops_agent_events.emitted_login is
  'Login role (session_user) that emitted it, or whose decision it tells of; null for other events of the loop '
  'itself.';
comment on column ops_agent_events.ready_seq is 'Place of its last row in ops_ready; null when it never had one.';
comment on column ops_agent_events.processed_at is
  'When it was compared with the reaction matrix; null while it waits.';
comment on column ops_agent_events.created_at is 'When it was emitted (start of the emitting transaction).';
comment on column ops_agent_events.emitted_in is
  'The transaction that emitted it: so a step that waits knows whether it was committed before its turn came.';

create table ops_agent_reactions (
  id uuid constraint ops_agent_reactions_pkey primary key default gen_random_uuid(),
  event_id uuid not null,
  pattern text not null,
  status text not null default 'queued'
    constraint ops_agent_reactions_status_known check (status in ('queued', 'processing', 'done', 'failed')),
  payload jsonb not null default '{}',
  reason text,
  reason_code text,
  proposal_id uuid,
  ready_seq bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ops_agent_reactions_event_id_pattern_key unique (event_id, pattern)
) with (fillfactor = 70);
create index ops_agent_reactions_created on ops_agent_reactions using brin (created_at);
comment on table ops_agent_reactions is 'Event × pattern: the reactions of the reaction matrix to an event.';
comment on column ops_agent_reactions.id is 'Time-ordered id (UUID version 7).';
comment on column ops_agent_reactions.event_id is 'The event that matched.';
comment on column ops_agent_reactions.pattern is 'Name of the pattern in the reaction matrix.';
comment on column ops_agent_reactions.status is 'queued, processing, done or failed.';
comment on column ops_agent_reactions.payload is
  'The filled template, its slots, the dedupe key and the causation depth.';
comment on column ops_agent_reactions.reason is 'Why it failed, or which proposal it repeats.';
comment on column ops_agent_reactions.reason_code is
  'Code of the error that failed it: OPS_…, or the SQLSTATE where it is not one of the loop; else null.';
comment on column ops_agent_reactions.proposal_id is 'The proposal it led to.';
comment on column ops_agent_reactions.ready_seq is 'Place of its last row in ops_ready; null when it never had one.';
comment on column ops_agent_reactions.created_at is 'When the pattern matched.';
comment on column ops_agent_reactions.updated_at is 'When the status changed last.';

create table ops_pattern_cooldowns (
  pattern text constraint ops_pattern_cooldowns_pkey primary key,
  fired_at timestamptz not null
) with (fillfactor = 50);
comment on table ops_pattern_cooldowns is
  'When each pattern with cooldown_minutes reacted last; its row is locked while events are matched.';
comment on column ops_pattern_cooldowns.pattern is 'Name of the pattern.';
comment on column ops_pattern_cooldowns.fired_at is 'When it reacted last.';
