-- Locks that expire, keys of effects that happen once, counters.
set local lock_timeout = '5s';

create sequence distributed_locks_token_seq;
create table distributed_locks (
  lock_name text constraint distributed_locks_pkey primary key,
  holder_id text not null,
  acquired_at timestamptz not null default now(),
  expires_at timestamptz not null,
  token bigint not null default nextval('distributed_locks_token_seq'),
  holder_login text not null default session_user
);
create index distributed_locks_expiry on distributed_locks (expires_at);
comment on table distributed_locks is
  'Locks that expire: a row is a lock that is held until expires_at. An expired lock is free; heartbeats delete its '
  'row.';
comment on column distributed_locks.lock_name is 'Name of the lock.';
comment on column distributed_locks.holder_id is 'Id of the holder, as the caller gave it; no two processes share one.';
comment on column distributed_locks.acquired_at is 'When this holder got it; extending does not change it.';
comment on column distributed_locks.expires_at is
  'Held before this moment, on the clock of the server; free from then on.';
comment on column distributed_locks.token is
  'Fencing token: drawn when the lock is acquired, higher than all before it.';
comment on column distributed_locks.holder_login is
  'Login role (session_user) that acquired it; the id of the holder counts for this login only.';

create table ops_idempotency_keys (
  key text constraint ops_idempotency_keys_pkey primary key,
  taken_at timestamptz not null,
  taken_in xid8 not null,
  expires_at timestamptz not null,
  result jsonb
);
create index ops_idempotency_keys_expiry on ops_idempotency_keys (expires_at);
comment on table ops_idempotency_keys is
  'Effects that happen once: a key, taken in the transaction of the effect, and its result.';
comment on column ops_idempotency_keys.key is 'The key, as the caller made it.';
comment on column ops_idempotency_keys.taken_at is 'When it was taken.';
comment on column ops_idempotency_keys.taken_in is
  'The transaction that took it, the only one that may store the result.';
comment on column ops_idempotency_keys.expires_at is
  'From then on it may be taken again; worker_policy.idempotency.keep_hours after it was taken.';
comment on column ops_idempotency_keys.result is
  'The result for later callers with the same key; null when none was stored.';

create table ops_counters (
  name text constraint ops_counters_pkey primary key,
  value bigint not null
);
comment on table ops_counters is 'Counters, summed up: fn_metrics gives this value plus ops_counts.';
comment on column ops_counters.name is 'Name of the counter.';
comment on column ops_counters.value is 'How often it happened, up to the last summing up.';

create sequence ops_counts_id_seq;
create table ops_counts (
  id bigint constraint ops_counts_pkey primary key default nextval('ops_counts_id_seq'),
  name text not null constraint ops_counts_name_short check (octet_length(name) <= 1000),
  n bigint not null constraint ops_counts_counts_up check (n > 0)
);
comment on table ops_counts is
  'Counts that are not summed up yet: a row for each count, so that no two transactions that count meet.';
comment on column ops_counts.id is 'Order of counting.';
comment on column ops_counts.name is 'Name of the counter.';
comment on column ops_counts.n is 'How often.';

create table ops_count_times (
  name text,
  since timestamptz,
  n bigint not null,
  constraint ops_count_times_pkey primary key (name, since)
);
comment on table ops_count_times is
  'Counts by their time, in parts of ten minutes, for checks of the last hour or day; older parts are deleted.';
comment on column ops_count_times.name is 'Name of the counter.';
comment on column ops_count_times.since is 'The beginning of the ten minutes in which it was summed up.';
comment on column ops_count_times.n is 'How often.';

create table ops_process_counts (
  process_id text constraint ops_process_counts_pkey primary key,
  login text not null default session_user,
  counts jsonb not null,
  told_at timestamptz not null
);
comment on table ops_process_counts is
  'The counts of workers and relays since their start, as last reported: of the next report only the increase is '
  'added. Deleted a week after the last report.';
comment on column ops_process_counts.process_id is 'The incarnation of the worker or relay.';
comment on column ops_process_counts.login is 'Login role (session_user) that told it.';
comment on column ops_process_counts.counts is 'Name of the count to number: {"dropped": 1}.';
comment on column ops_process_counts.told_at is 'When it was told last.';
