-- Waits of steps for events that are to come, and for missions of their own.
set local lock_timeout = '5s';

create table ops_event_waits (
  step_id uuid constraint ops_event_waits_pkey primary key,
  type text not null,
  is_glob boolean not null,
  of_loop boolean not null,
  paths text[] not null,
  match jsonb not null,
  match_hash bigint not null,
  since timestamptz not null,
  seen pg_snapshot,
  began_in xid8 not null,
  look_back_until xid8,
  event_id uuid,
  data jsonb
);
create index ops_event_waits_open on ops_event_waits (type, paths, match_hash, step_id) where event_id is null;
create index ops_event_waits_globs on ops_event_waits (type) where event_id is null and is_glob;
create index ops_event_waits_of_loop on ops_event_waits (type) where event_id is null and of_loop;
create index ops_event_waits_look_back on ops_event_waits (since)
  where event_id is null and look_back_until is not null;
comment on table ops_event_waits is
  'Which event each step of kind wait listens for: from when its turn came, or its mission began, until the step ends.';
comment on column ops_event_waits.step_id is 'The step.';
comment on column ops_event_waits.type is 'The type of the event, or a glob.';
comment on column ops_event_waits.is_glob is 'True when type is a glob.';
comment on column ops_event_waits.of_loop is
  'True when type may be that of an event which the loop makes itself: such events are then stored, and looked at, '
  'even if no pattern watches them.';
comment on column ops_event_waits.paths is 'The paths in the data of the event that match compares, in order.';
comment on column ops_event_waits.match is 'The values that the event must have: {path: value}.';
comment on column ops_event_waits.match_hash is 'Hash of match; equal documents have the same.';
comment on column ops_event_waits.since is 'From when on it listens.';
comment on column ops_event_waits.seen is
  'The snapshot from when it began to listen: an event counts when its transaction is not in it, as it was committed '
  'later. Null after a restore, whose transactions have other numbers: then the time counts.';
comment on column ops_event_waits.began_in is 'The transaction in which it began; events of the same do not count.';
comment on column ops_event_waits.look_back_until is
  'For an event of the loop: transactions from this one on saw that somebody listens, and store what they make. Until '
  'all before it have ended, the heartbeat looks for what they made. 0 while no heartbeat has seen the row.';
comment on column ops_event_waits.event_id is 'The event that came; null while none did.';
comment on column ops_event_waits.data is 'Its data.';

create sequence ops_awaited_events_seq;
create table ops_awaited_events (
  seq bigint constraint ops_awaited_events_pkey primary key default nextval('ops_awaited_events_seq'),
  event_id uuid not null,
  keep_until xid8
);
comment on table ops_awaited_events is
  'Events that were looked at and that steps wait for, or may: heartbeats give them to these steps, in this order, in '
  'bounded parts. Normally empty.';
comment on column ops_awaited_events.seq is 'The order in which they were looked at.';
comment on column ops_awaited_events.event_id is 'The event.';
comment on column ops_awaited_events.keep_until is
  'Not null when a step was just beginning to listen, in a transaction that was not committed yet: it is kept until '
  'all transactions before this one have ended.';

create table ops_child_missions (
  step_id uuid constraint ops_child_missions_pkey primary key,
  proposal_id uuid not null constraint ops_child_missions_proposal_key unique,
  mission_id uuid,
  abandoned boolean not null default false
);
create index ops_child_missions_open on ops_child_missions (step_id) where mission_id is null;
create index ops_child_missions_abandoned on ops_child_missions (step_id) where abandoned;
comment on table ops_child_missions is
  'The mission, or so far its proposal, that each waiting step of kind mission waits for. A row goes when the step has '
  'ended and its mission, too.';
comment on column ops_child_missions.step_id is 'The step that waits.';
comment on column ops_child_missions.proposal_id is 'The proposal that it made.';
comment on column ops_child_missions.mission_id is 'The mission of the proposal; null before a heartbeat saw it start.';
comment on column ops_child_missions.abandoned is
  'True when the step has ended otherwise: its proposal is withdrawn, or its mission cancelled, by the next heartbeat.';
