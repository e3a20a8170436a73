-- Retention. How far housekeeping has come, which ids were purged when, and dedupe keys that outlive their rows.
set local lock_timeout = '5s';

create table ops_retention (
  part text constraint ops_retention_pkey primary key,
  position text,
  began_at timestamptz,
  ended_at timestamptz,
  purged bigint not null default 0,
  error text,
  error_at timestamptz
) with (fillfactor = 50);
comment on table ops_retention is
  'How far retention has come: a row for each part, whose lock is the right to go on with it. A round reads a part in '
  'order of its key.';
comment on column ops_retention.part is
  'missions, proposals, events, outbox, dead_letters, keys, audit, votes, handoffs, transitions, sub_agent_results, '
  'sub_agent_runs, replays or purged.';
comment on column ops_retention.position is 'Key of the last row looked at; null between rounds.';
comment on column ops_retention.began_at is 'When the last round began.';
comment on column ops_retention.ended_at is 'When the last round was over; null while one goes on.';
comment on column ops_retention.purged is 'How many rows were purged since ever; of missions how many missions.';
comment on column ops_retention.error is 'The error of the last row that could not be purged; null in a round without.';
comment on column ops_retention.error_at is 'When.';

-- Always there: its lock is the right to purge.
insert into ops_retention (part) values ('keys');

create sequence ops_purged_id_seq;

create table ops_purged (
  id bigint constraint ops_purged_pkey primary key default nextval('ops_purged_id_seq'),
  from_id uuid not null,
  upto_id uuid not null,
  missions uuid[] not null default '{}',
  proposals uuid[] not null default '{}',
  steps uuid[] not null default '{}',
  events uuid[] not null default '{}',
  how text not null constraint ops_purged_how_known check (how in ('delete', 'archive', 'export')),
  batch text,
  login text not null default session_user,
  purged_at timestamptz not null default now()
);
create index ops_purged_upto on ops_purged (upto_id);
create index ops_purged_at on ops_purged using brin (purged_at);
comment on table ops_purged is
  'Which ids were purged when, a row for each batch, so that an id of the past is answered by its date.';
comment on column ops_purged.id is 'Order of purging.';
comment on column ops_purged.from_id is 'The lowest of its ids.';
comment on column ops_purged.upto_id is 'The highest of its ids.';
comment on column ops_purged.missions is 'The missions of the batch.';
comment on column ops_purged.proposals is 'The proposals.';
comment on column ops_purged.steps is 'The steps.';
comment on column ops_purged.events is 'The events of these missions, and others that were purged by themselves.';
comment on column ops_purged.how is
  'delete, archive (moved to the tables …_archive) or export (written to files first).';
comment on column ops_purged.batch is 'Name of the file of an export that has its rows.';
comment on column ops_purged.login is 'The login role (session_user) whose session purged it.';
comment on column ops_purged.purged_at is 'When.';

create table ops_spent_keys (
  kind text not null constraint ops_spent_keys_kind_known check (kind in ('event', 'proposal', 'reaction', 'message')),
  key text not null,
  id uuid not null,
  status text,
  mission_id uuid,
  purged_at timestamptz not null,
  until timestamptz,
  constraint ops_spent_keys_pkey primary key (kind, key)
);
create index ops_spent_keys_until on ops_spent_keys (until) where until is not null;
comment on table ops_spent_keys is
  'Dedupe keys of what was purged: a second event, proposal or message with such a key is still the first one.';
comment on column ops_spent_keys.kind is
  'event, proposal (of a caller), reaction (proposal of a reaction) or message (of the outbox).';
comment on column ops_spent_keys.key is 'The dedupe key.';
comment on column ops_spent_keys.id is 'The row that had it; of a message its number as a uuid.';
comment on column ops_spent_keys.status is 'The last status of a proposal.';
comment on column ops_spent_keys.mission_id is 'The mission of a proposal.';
comment on column ops_spent_keys.purged_at is 'When its row was purged.';
comment on column ops_spent_keys.until is 'From then on the key is free again (retention.dedupe_days); null for never.';
