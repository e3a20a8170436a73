-- What was put back to work after it had given up: once each, whoever asks how often.
set local lock_timeout = '5s';

create sequence replay_log_id_seq;
create table replay_log (
  id bigint primary key default nextval('replay_log_id_seq'),
  original_msg_id text not null unique,
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
comment on table replay_log is 'What was replayed: one row per original message, so that no second replay takes effect. Append-only.';
comment on column replay_log.id is 'Order of replaying.';
comment on column replay_log.original_msg_id is 'What was replayed. For a dead letter of the loop itself this is the letter''s own name: what is put back and gives up again leaves another letter, which may be replayed in its turn.';
comment on column replay_log.dl_msg_id is 'The dead letter it came from.';
comment on column replay_log.candidate_id is 'Id of the recovery candidate, for replays of other systems.';
comment on column replay_log.idempotency_key is 'Optional; a second replay with the same key is the first one.';
comment on column replay_log.new_msg_id is 'What came of it: the step, reaction or message put back, or the event that told of it.';
comment on column replay_log.replayed_at is 'When.';
comment on column replay_log.replayed_by is 'Who, as claimed.';
comment on column replay_log.replayed_login is 'Login role (session_user).';

alter table dead_letter_archive add column redriven_at timestamptz;
create index dead_letter_archive_open on dead_letter_archive (id) where redriven_at is null;
comment on column dead_letter_archive.redriven_at is 'When it was put back, or recorded as replayed; null while it lies here.';
