-- What leaves the loop: the transactional outbox, dead letters, and the board of ideas.
set local lock_timeout = '5s';

create sequence outbox_id_seq;
create table outbox (
  id bigint primary key default nextval('outbox_id_seq'),
  aggregate_type text not null,
  aggregate_id text not null,
  event_type text not null,
  payload jsonb not null default '{}',
  dedupe_key text,
  created_at timestamptz not null default now(),
  processed_at timestamptz,
  retry_count integer not null default 0,
  last_error text,
  message_id uuid not null default gen_random_uuid(),
  processor_id text,
  dead boolean not null default false,
  error_history jsonb not null default '[]'
);
create unique index outbox_dedupe on outbox (dedupe_key) where dedupe_key is not null;
-- The one index here on a column that changes: what waits is what everybody asks for, relays, people and metrics.
create index outbox_waiting on outbox (aggregate_type, aggregate_id, id) where processed_at is null;
comment on table outbox is 'Side effects, published in the transaction of the caller and so visible only if it commits.';
comment on column outbox.id is 'Order of publishing; not the order of commits.';
comment on column outbox.aggregate_type is 'What kind of thing the effect is about.';
comment on column outbox.aggregate_id is 'Which one; effects about the same one keep their order.';
comment on column outbox.event_type is 'What is to be told; policy routes by it.';
comment on column outbox.payload is 'The message.';
comment on column outbox.dedupe_key is 'Optional; a second message with the same key is the first one.';
comment on column outbox.created_at is 'When it was published.';
comment on column outbox.processed_at is 'When it was delivered, or given up (dead); null while it waits.';
comment on column outbox.retry_count is 'Failed deliveries so far.';
comment on column outbox.last_error is 'Error of the last failed delivery, or why it is not tried.';
comment on column outbox.message_id is 'The same for every delivery of this message, and never of another: the receiver''s idempotency key.';
comment on column outbox.processor_id is 'Who delivered it, or gave it up.';
comment on column outbox.dead is 'True when it was given up: it is in dead_letter_archive, whole.';
comment on column outbox.error_history is 'Each failed delivery: at, processor, error.';

create table outbox_heads (
  aggregate_type text not null,
  aggregate_id text not null,
  mark bigint not null,
  processor_id text,
  lease_expires_at timestamptz,
  retry_at timestamptz,
  claimed bigint[] not null default '{}',
  primary key (aggregate_type, aggregate_id),
  check (processor_id is null or retry_at is null),
  check ((processor_id is null) = (lease_expires_at is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
comment on table outbox_heads is 'Aggregates that are being worked on: who has the first messages of each, or until when it waits for its next try. No row for an aggregate whose messages nobody has touched yet, or that has none.';
comment on column outbox_heads.aggregate_type is 'As in outbox.';
comment on column outbox_heads.aggregate_id is 'As in outbox.';
comment on column outbox_heads.mark is 'What waits of this aggregate has a higher id, or still a row of its own in ops_ready.';
comment on column outbox_heads.processor_id is 'Who has it; null when nobody has.';
comment on column outbox_heads.lease_expires_at is 'Until when he has it.';
comment on column outbox_heads.retry_at is 'After a failure: when the aggregate is tried again.';
comment on column outbox_heads.claimed is 'The messages he has, in order; while it waits for a retry, the one that failed.';

create sequence outbox_timer_seq;
create table outbox_timers (
  due_at timestamptz not null,
  id bigint not null default nextval('outbox_timer_seq'),
  aggregate_types text[] not null,
  aggregate_ids text[] not null,
  event_ids bigint[] not null,
  primary key (due_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table outbox_timers is 'Look at these aggregates at that time: one row per claim (lease) and per batch of retries. A hint only; the truth is in outbox_heads.';
comment on column outbox_timers.due_at is 'When to look.';
comment on column outbox_timers.id is 'Makes the key unique.';
comment on column outbox_timers.aggregate_types is 'The aggregates to look at: their types …';
comment on column outbox_timers.aggregate_ids is '… their ids …';
comment on column outbox_timers.event_ids is '… and the message each was claimed or failed with: of a later claim the timer is not.';

create sequence dead_letter_archive_id_seq;
create table dead_letter_archive (
  id bigint primary key default nextval('dead_letter_archive_id_seq'),
  dl_msg_id text not null unique,
  original_msg_id text not null,
  candidate_id text,
  failure_match_id text,
  payload jsonb not null,
  reason text,
  reclaim_count integer not null default 0,
  dead_lettered_at timestamptz not null default now(),
  archived_at timestamptz not null default now(),
  archived_by text not null default session_user
);
create index dead_letter_archive_original on dead_letter_archive (original_msg_id);
comment on table dead_letter_archive is 'What gave up, whole, with the reason.';
comment on column dead_letter_archive.id is 'Order of arrival.';
comment on column dead_letter_archive.dl_msg_id is 'Name of the dead letter: step:<step id>:<attempt> for a step, outbox:<id>:<tries> for a message.';
comment on column dead_letter_archive.original_msg_id is 'What gave up: the id of the step or reaction, outbox:<id> for a message.';
comment on column dead_letter_archive.candidate_id is 'Id of the recovery candidate, for letters archived by other systems.';
comment on column dead_letter_archive.failure_match_id is 'Id of the matched failure, for letters archived by other systems.';
comment on column dead_letter_archive.payload is 'The whole of it, with its history of errors.';
comment on column dead_letter_archive.reason is 'Why it gave up.';
comment on column dead_letter_archive.reclaim_count is 'How many attempts were made.';
comment on column dead_letter_archive.dead_lettered_at is 'When it gave up.';
comment on column dead_letter_archive.archived_at is 'When it was archived here.';
comment on column dead_letter_archive.archived_by is 'Who archived it.';

create table ops_demand_radar (
  id uuid primary key,
  title text not null,
  description text,
  status text not null default 'watching' check (status in ('watching', 'validating', 'building', 'shipped')),
  score numeric,
  source text,
  evidence jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index ops_demand_radar_title on ops_demand_radar (title);
comment on table ops_demand_radar is 'The board of ideas: watching, validating, building, shipped.';
comment on column ops_demand_radar.id is 'Time-ordered id (UUID version 7).';
comment on column ops_demand_radar.title is 'The idea in a line; unique.';
comment on column ops_demand_radar.description is 'More about it.';
comment on column ops_demand_radar.status is 'watching, validating, building or shipped.';
comment on column ops_demand_radar.score is 'How promising it looks; the scale is the team''s own.';
comment on column ops_demand_radar.source is 'Who or what put it on the board.';
comment on column ops_demand_radar.evidence is 'What speaks for it.';
comment on column ops_demand_radar.created_at is 'When it was put on the board.';
comment on column ops_demand_radar.updated_at is 'When it changed last.';
