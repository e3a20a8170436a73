-- The transactional outbox: messages that leave the loop.
set local lock_timeout = '5s';

create sequence outbox_id_seq;
create table outbox (
  id bigint constraint outbox_pkey primary key default nextval('outbox_id_seq'),
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
  ready_seq bigint,
  published_in xid8 not null default pg_current_xact_id(),
  error_history jsonb not null default '[]',
  step_id uuid
);
create unique index outbox_dedupe on outbox (dedupe_key) where dedupe_key is not null;
-- The one index on a column that changes: relays, people and metrics all ask for the messages that wait.
create index outbox_waiting on outbox (aggregate_type, aggregate_id, id) where processed_at is null;
comment on table outbox is
  'Side effects, published in the transaction of the caller and so visible only if it commits.';
comment on column outbox.id is 'Order of publishing; not the order of commits.';
comment on column outbox.aggregate_type is 'The type of the aggregate that the effect is about.';
comment on column outbox.aggregate_id is 'Which one; effects about the same one keep their order.';
comment on column outbox.event_type is 'The type of the message; policy routes by it.';
comment on column outbox.payload is 'The message.';
comment on column outbox.dedupe_key is 'Optional; a second message with the same key is the first one.';
comment on column outbox.created_at is 'When it was published.';
comment on column outbox.processed_at is 'When it was delivered, or given up (dead); null while it waits.';
comment on column outbox.retry_count is 'Failed deliveries so far.';
comment on column outbox.last_error is 'Error of the last failed delivery, or why it is not tried.';
comment on column outbox.message_id is
  'The same for every delivery of this message, and never of another: the receiver''s idempotency key.';
comment on column outbox.processor_id is 'The processor that delivered it, or gave it up.';
comment on column outbox.dead is 'True when it was given up: it is in dead_letter_archive, whole.';
comment on column outbox.ready_seq is 'Place of its last hint in ops_ready.';
comment on column outbox.published_in is
  'The transaction that published it: a claim takes what had been committed before it began.';
comment on column outbox.step_id is
  'The step whose result brought it, where the worker sends traces; null otherwise.';
comment on column outbox.error_history is 'Each failed delivery: at, processor, error.';

create table outbox_heads (
  aggregate_type text not null,
  aggregate_id text not null,
  mark bigint not null,
  processor_id text,
  lease_expires_at timestamptz,
  retry_at timestamptz,
  claimed bigint[] not null default '{}',
  constraint outbox_heads_pkey primary key (aggregate_type, aggregate_id),
  constraint outbox_heads_claimed_or_waiting check (processor_id is null or retry_at is null),
  constraint outbox_heads_claim_has_lease check ((processor_id is null) = (lease_expires_at is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
comment on table outbox_heads is
  'Aggregates with a claim or a retry: which processor has their first messages, or until when the next try waits. '
  'An aggregate without waiting messages, or whose messages were never claimed, has no row.';
comment on column outbox_heads.aggregate_type is 'As in outbox.';
comment on column outbox_heads.aggregate_id is 'As in outbox.';
comment on column outbox_heads.mark is
  'A waiting message of this aggregate has a higher id, or still a row of its own in ops_ready.';
comment on column outbox_heads.processor_id is 'The processor that has it; null when none has.';
comment on column outbox_heads.lease_expires_at is 'Until when that processor has it.';
comment on column outbox_heads.retry_at is 'After a failure: when the aggregate is tried again.';
comment on column outbox_heads.claimed is
  'The claimed messages, in order; while a retry waits, the message that failed.';

create sequence outbox_timer_seq;
create table outbox_timers (
  due_at timestamptz not null,
  id bigint not null default nextval('outbox_timer_seq'),
  aggregate_types text[] not null,
  aggregate_ids text[] not null,
  event_ids bigint[] not null,
  constraint outbox_timers_pkey primary key (due_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table outbox_timers is
  'Look at these aggregates at that time: one row per claim (lease) and per batch of retries. A hint only; the truth '
  'is in outbox_heads.';
comment on column outbox_timers.due_at is 'When to look.';
comment on column outbox_timers.id is 'Makes the key unique.';
comment on column outbox_timers.aggregate_types is 'The aggregates to look at: their types …';
comment on column outbox_timers.aggregate_ids is '… their ids …';
comment on column outbox_timers.event_ids is
  '… and the message that each was claimed or failed with: after a later claim the timer no longer counts.';
