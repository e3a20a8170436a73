-- Moves: where a loop goes, or came from, and how far that is. The row travels with the loop: both servers have it.
set local lock_timeout = '5s';

create table ops_moves (
  id uuid constraint ops_moves_pkey primary key,
  phase text not null
    constraint ops_moves_phase_known
      check (phase in ('draining', 'closed', 'moved', 'taken_back', 'arrived', 'given_up', 'open')),
  from_place text not null,
  to_place text not null,
  origin text not null,
  begun_by text not null,
  begun_login text not null default session_user,
  reason text,
  begun_at timestamptz not null default now(),
  closed_at timestamptz,
  leases_until timestamptz,
  ended_at timestamptz,
  let_through xid8,
  constraint ops_moves_end_is_dated check ((phase in ('taken_back', 'open')) = (ended_at is not null))
);
create unique index ops_moves_one_in_force on ops_moves ((true)) where ended_at is null;
comment on table ops_moves is
  'Moves of the loop to another server: one at most is in force, and while it is closed nothing writes to the loop.';
comment on column ops_moves.id is 'The move, the same on both servers.';
comment on column ops_moves.phase is
  'On the server that it leaves: draining, closed, moved (for good), taken_back. On the other one: closed (as it '
  'came), arrived, open (it goes on here), given_up (it stayed where it was).';
comment on column ops_moves.from_place is 'The database that it leaves, as people name it; no password.';
comment on column ops_moves.to_place is 'The database that it goes to, likewise.';
comment on column ops_moves.origin is
  'System identifier and oid of the database that it leaves: tells on which of the two one is.';
comment on column ops_moves.begun_by is 'The person or program that began it, as the caller said.';
comment on column ops_moves.begun_login is 'The login role that began it.';
comment on column ops_moves.reason is 'Why.';
comment on column ops_moves.begun_at is 'When.';
comment on column ops_moves.closed_at is 'Since when nothing has been written on the server that it leaves.';
comment on column ops_moves.leases_until is
  'Until when workers and relays may be at what they had leased when it was closed; it is not opened before.';
comment on column ops_moves.ended_at is 'When it was taken back, or opened; null while it is in force.';
comment on column ops_moves.let_through is
  'The one transaction that may write although the loop is closed: of the routine that takes the next step.';
