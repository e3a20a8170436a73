-- Schedules: work that starts at given times by itself, and the outcome of each tick.
set local lock_timeout = '5s';

create type ops_cron as (
  minutes integer[],
  hours integer[],
  days integer[],
  months integer[],
  weekdays integer[],
  days_and boolean,
  by_the_clock boolean
);
comment on type ops_cron is 'A cron expression, read.';
comment on column ops_cron.minutes is 'Minutes of the hour, ascending.';
comment on column ops_cron.hours is 'Hours of the day, ascending.';
comment on column ops_cron.days is 'Days of the month; 40 is the last one, 41 the last from Monday to Friday.';
comment on column ops_cron.months is 'Months of the year, ascending.';
comment on column ops_cron.weekdays is
  'Days of the week from 0, Sunday; the n-th of the month has 10 n more (1#2 is 21), the last has 60 more (5L is 65).';
comment on column ops_cron.days_and is
  'True when a day must be in days and in weekdays, as one of these fields begins with *; else one will do.';
comment on column ops_cron.by_the_clock is
  'True for times of day; false where minutes or hours begin with *: a rhythm that a change of the clock leaves alone.';

create table ops_schedules (
  name text constraint ops_schedules_pkey primary key
    constraint ops_schedules_named check (name ~ '^[A-Za-z0-9_.-]{1,100}$'),
  cron text,
  every_seconds integer constraint ops_schedules_every_known check (every_seconds between 1 and 31622400),
  timezone text not null default 'UTC',
  event_type text,
  data jsonb,
  template jsonb,
  source text not null,
  overlap text not null default 'allow'
    constraint ops_schedules_overlap_known check (overlap in ('allow', 'skip', 'queue')),
  catch_up text not null default 'last'
    constraint ops_schedules_catch_up_known check (catch_up in ('none', 'last', 'all')),
  max_backlog integer not null default 100
    constraint ops_schedules_backlog_known check (max_backlog between 1 and 1000),
  enabled boolean not null default true,
  starts_at timestamptz,
  ends_at timestamptz,
  from_file boolean not null default false,
  proposers text[] not null,
  set_by text not null,
  set_login text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  seen_until timestamptz not null,
  next_at timestamptz,
  last_at timestamptz,
  last_outcome text
    constraint ops_schedules_outcome_known
      check (last_outcome in ('queued', 'fired', 'rejected', 'refused', 'skipped', 'missed')),
  last_code text,
  last_reason text,
  failures integer not null default 0,
  constraint ops_schedules_one_timing check (num_nonnulls(cron, every_seconds) = 1),
  constraint ops_schedules_one_effect check (num_nonnulls(event_type, template) = 1)
) with (fillfactor = 50);
create index ops_schedules_next on ops_schedules (next_at) where next_at is not null;
comment on table ops_schedules is
  'Schedules: at each tick an event is emitted or a template proposed, which policy then judges like any other.';
comment on column ops_schedules.name is 'Its name.';
comment on column ops_schedules.cron is 'When it ticks: a cron expression of five fields, or a word such as @daily.';
comment on column ops_schedules.every_seconds is
  'When it ticks: so often, counted from starts_at, else from the beginning of 1970.';
comment on column ops_schedules.timezone is 'The time zone that cron speaks of.';
comment on column ops_schedules.event_type is 'The event that a tick emits; null when it proposes.';
comment on column ops_schedules.data is 'Data of that event; schedule, tick and source are added.';
comment on column ops_schedules.template is 'The template that a tick proposes; null when it emits.';
comment on column ops_schedules.source is 
  'Source of what is proposed, which caps and pauses name; data.source of events.';
comment on column ops_schedules.overlap is
  'The behaviour of a tick while the work of the tick before is open: allow, skip, or queue to wait for its end.';
comment on column ops_schedules.catch_up is
  'The ticks that are made up for when no heartbeat came for 15 minutes: none, the last one, or all.';
comment on column ops_schedules.max_backlog is 'How many ticks catch up at once, and wait in the queue, at most.';
comment on column ops_schedules.enabled is 'False: it does not tick.';
comment on column ops_schedules.starts_at is 'There are no ticks before.';
comment on column ops_schedules.ends_at is 'There are no ticks from then on.';
comment on column ops_schedules.from_file is 'True when a policy file set it: one that leaves it out deletes it.';
comment on column ops_schedules.proposers is
  'All logins that had a hand in it: none of them decides on what comes of its ticks.';
comment on column ops_schedules.set_by is 'The person or program that set it last, as the caller said.';
comment on column ops_schedules.set_login is
  'The login that set it last; a proposal of a tick counts as proposed by it.';
comment on column ops_schedules.created_at is 'When it was first set.';
comment on column ops_schedules.updated_at is 'When it was last set, enabled or disabled.';
comment on column ops_schedules.seen_until is
  'Ticks up to this moment have been taken, or let go. It never moves back, whatever the clock does.';
comment on column ops_schedules.next_at is 'The next tick, when heartbeats look at it; null when none is to come.';
comment on column ops_schedules.last_at is 'The last tick that was taken.';
comment on column ops_schedules.last_outcome is 'Its outcome, as in ops_schedule_ticks.';
comment on column ops_schedules.last_code is 'Code of last_reason.';
comment on column ops_schedules.last_reason is 'Why that tick did not do what it should; null when it did.';
comment on column ops_schedules.failures is 'How many ticks in a row were refused or rejected.';

create table ops_schedule_ticks (
  schedule text not null,
  tick timestamptz not null,
  cause text not null constraint ops_schedule_ticks_cause_known check (cause in ('due', 'run', 'backfill')),
  outcome text not null
    constraint ops_schedule_ticks_outcome_known
      check (outcome in ('queued', 'fired', 'rejected', 'refused', 'skipped', 'missed')),
  code text,
  reason text,
  event_id uuid,
  proposal_id uuid,
  login text,
  taken_at timestamptz not null,
  constraint ops_schedule_ticks_pkey primary key (schedule, tick)
);
create index ops_schedule_ticks_taken on ops_schedule_ticks (schedule, taken_at, tick);
create index ops_schedule_ticks_queued on ops_schedule_ticks (schedule, tick) where outcome = 'queued';
comment on table ops_schedule_ticks is
  'The outcome of each tick: the 1,000 last ones of each schedule, and those that wait. A tick is taken once by its '
  'key here, and once by the dedupe_key of its event or proposal, which stays.';
comment on column ops_schedule_ticks.schedule is 'The schedule.';
comment on column ops_schedule_ticks.tick is
  'The moment of the tick; of a run by hand the moment of the call.';
comment on column ops_schedule_ticks.cause is 'due: its time came; run: by hand; backfill: for a time that is past.';
comment on column ops_schedule_ticks.outcome is
  'queued: waits for the one before; fired: emitted or proposed; rejected: proposed, and policy rejected it; refused: '
  'could not be emitted or proposed; skipped: because of overlap; missed: let go because of catch_up.';
comment on column ops_schedule_ticks.code is 'Code of reason.';
comment on column ops_schedule_ticks.reason is 'Why it is not fired, for people.';
comment on column ops_schedule_ticks.event_id is 'The event that it emitted.';
comment on column ops_schedule_ticks.proposal_id is 'The proposal that it made.';
comment on column ops_schedule_ticks.login is 'The login that ran or backfilled it; null when it was due.';
comment on column ops_schedule_ticks.taken_at is 'When.';
