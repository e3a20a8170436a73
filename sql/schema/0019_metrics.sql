-- Metrics of attempts: how many ended how and how long they took, folded from ops_action_runs after the fact.
set local lock_timeout = '5s';

create table ops_attempt_counts (
  kind text not null,
  executor text not null,
  outcome text not null constraint ops_attempt_counts_outcome_known
    check (outcome in ('succeeded', 'failed', 'lost', 'released', 'cancelled', 'fenced')),
  n bigint not null,
  seconds numeric not null,
  buckets bigint[] not null,
  constraint ops_attempt_counts_pkey primary key (kind, executor, outcome)
) with (fillfactor = 50);
comment on table ops_attempt_counts is
  'How many attempts have ended since ever, purged ones too, and how long they took. Attempts are counted by '
  'heartbeats, after their end, so that no completion writes more than its attempt.';
comment on column ops_attempt_counts.kind is
  'Kind of the step; (other) for kinds and executors beyond the first 200 pairs, and where the step is gone.';
comment on column ops_attempt_counts.executor is 'The code that ran it, or (other).';
comment on column ops_attempt_counts.outcome is 'Status of the attempt.';
comment on column ops_attempt_counts.n is 'How many.';
comment on column ops_attempt_counts.seconds is 'How long those took together whose beginning is known.';
comment on column ops_attempt_counts.buckets is
  'How many of these took up to each bound of _duration_bounds() and longer than the one before; the last: longer than '
  'all.';

create table ops_attempt_fold (
  one boolean constraint ops_attempt_fold_pkey primary key default true
    constraint ops_attempt_fold_one_row check (one),
  counted_until timestamptz not null,
  counted_below xid8 not null,
  looked_at timestamptz not null,
  noted_at timestamptz not null,
  noted_next xid8 not null
) with (fillfactor = 50);
comment on table ops_attempt_fold is
  'Which attempts are counted: those with completed_at before counted_until that a transaction before counted_below '
  'has written. Its lock is the right to count.';
comment on column ops_attempt_fold.one is 'Keeps it one row.';
comment on column ops_attempt_fold.counted_until is 'Attempts that ended from here on are not counted.';
comment on column ops_attempt_fold.counted_below is
  'Attempts that this transaction or a later one has written are not counted, whenever they ended.';
comment on column ops_attempt_fold.looked_at is 'When attempts were counted last; by the clock of that time.';
comment on column ops_attempt_fold.noted_at is
  'A moment up to which attempts may be counted once every transaction before noted_next has ended.';
comment on column ops_attempt_fold.noted_next is 'The first transaction that had not begun then.';

insert into ops_attempt_fold (counted_until, counted_below, looked_at, noted_at, noted_next)
values (now(), '3', now(), now(), '3');
