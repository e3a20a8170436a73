-- Dead letters, whole, and the log of replays: each original message is replayed once, however often that is asked for.
set local lock_timeout = '5s';

create sequence dead_letter_archive_id_seq;
create table dead_letter_archive (
  id bigint constraint dead_letter_archive_pkey primary key default nextval('dead_letter_archive_id_seq'),
  dl_msg_id text not null constraint dead_letter_archive_dl_msg_id_key unique,
  original_msg_id text not null,
  candidate_id text,
  failure_match_id text,
  payload jsonb not null,
  reason text,
  reclaim_count integer not null default 0,
  dead_lettered_at timestamptz not null default now(),
  archived_at timestamptz not null default now(),
  archived_by text not null default session_user,
  redriven_at timestamptz,
  what text not null default 'other'
    constraint dead_letter_archive_what_known check (what in ('step', 'reaction', 'outbox', 'other'))
);
create index dead_letter_archive_original on dead_letter_archive (original_msg_id);
create index dead_letter_archive_open on dead_letter_archive (id) where redriven_at is null;
comment on table dead_letter_archive is 'Steps, reactions and messages that gave up, whole, with the reason.';
comment on column dead_letter_archive.id is 'Order of arrival.';
comment on column dead_letter_archive.dl_msg_id is
  'Name of the dead letter: step:<step id>:<attempt> for a step, outbox:<id>:<tries> for a message.';
comment on column dead_letter_archive.original_msg_id is
  'The failed item: the id of the step or reaction, outbox:<id> for a message.';
comment on column dead_letter_archive.candidate_id is
  'Id of the recovery candidate, for letters archived by other systems.';
comment on column dead_letter_archive.failure_match_id is
  'Id of the matched failure, for letters archived by other systems.';
comment on column dead_letter_archive.payload is 'The whole of it, with its history of errors.';
comment on column dead_letter_archive.reason is 'Why it gave up.';
comment on column dead_letter_archive.reclaim_count is 'How many attempts were made.';
comment on column dead_letter_archive.dead_lettered_at is 'When it gave up.';
comment on column dead_letter_archive.archived_at is 'When it was archived here.';
comment on column dead_letter_archive.archived_by is
  'The system or person that archived it, as claimed; opsloop for the loop itself.';
comment on column dead_letter_archive.redriven_at is
  'When it was put back, or recorded as replayed; null while it lies here.';
comment on column dead_letter_archive.what is
  'The type of the failed item: step, reaction or message of the outbox, which the loop itself can put back; other for '
  'letters of other systems.';

create sequence replay_log_id_seq;
create table replay_log (
  id bigint constraint replay_log_pkey primary key default nextval('replay_log_id_seq'),
  original_msg_id text not null constraint replay_log_original_msg_id_key unique,
  dl_msg_id text,
  candidate_id text,
  idempotency_key text,
  new_msg_id text,
  replayed_at timestamptz not null default now(),
  replayed_by text not null default session_user,
  replayed_login text not null default session_user
);
create unique index replay_log_key on replay_log (idempotency_key) where idempotency_key is not null;
create index replay_log_letter on replay_log (dl_msg_id);
comment on table replay_log is
  'Replays: one row per original message, so that no second replay takes effect. Append-only.';
comment on column replay_log.id is 'Order of replaying.';
comment on column replay_log.original_msg_id is
  'The replayed message. For a dead letter of the loop itself this is the letter''s own name: an item that fails again '
  'leaves another letter, which may be replayed in its turn.';
comment on column replay_log.dl_msg_id is 'The dead letter it came from.';
comment on column replay_log.candidate_id is 'Id of the recovery candidate, for replays of other systems.';
comment on column replay_log.idempotency_key is 'Optional; a second replay with the same key is the first one.';
comment on column replay_log.new_msg_id is
  'The outcome: the step, reaction or message put back, or the event that reports it.';
comment on column replay_log.replayed_at is 'When it was replayed.';
comment on column replay_log.replayed_by is 'The person or program that replayed it, as claimed.';
comment on column replay_log.replayed_login is 'Login role (session_user) that replayed it.';
