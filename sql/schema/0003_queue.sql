-- The ready queue: one narrow table, in lanes, for all that is ready to be taken, so that taking costs the same beside
-- ten million finished rows. The wide tables have no index on a column that changes.
set local lock_timeout = '5s';

create sequence ops_lane_seq as integer start 10;
create table ops_lanes (
  lane integer constraint ops_lanes_pkey primary key default nextval('ops_lane_seq'),
  queue text not null constraint ops_lanes_queue_known check (queue in ('events', 'reactions', 'outbox', 'steps')),
  executor text,
  priority smallint not null default 0,
  mark regclass not null,
  mark_table oid,
  mark_server_start timestamptz,
  idle_since timestamptz,
  closing bigint,
  created_at timestamptz not null default now(),
  constraint ops_lanes_steps_have_executor check ((queue = 'steps') = (executor is not null))
);
create index ops_lanes_steps on ops_lanes (executor, priority) where queue = 'steps';
create sequence ops_lane_mark_1 minvalue 0 owned by ops_lanes.lane;
create sequence ops_lane_mark_2 minvalue 0 owned by ops_lanes.lane;
create sequence ops_lane_mark_3 minvalue 0 owned by ops_lanes.lane;
insert into ops_lanes (lane, queue, mark)
values (1, 'events', 'ops_lane_mark_1'), (2, 'reactions', 'ops_lane_mark_2'), (3, 'outbox', 'ops_lane_mark_3');
comment on table ops_lanes is
  'The lanes of ops_ready: events, reactions, the outbox, and one for each executor and priority (rarely two, when '
  'two transactions made it at once), so that steps that cannot run never lie in front of steps that can.';
comment on column ops_lanes.lane is 'Lane number; 1 is events, 2 is reactions, 3 is the outbox, steps start at 10.';
comment on column ops_lanes.queue is
  'The kind of item in the lane: events, reactions, messages of the outbox, or steps.';
comment on column ops_lanes.executor is 'For steps: the executor that the lane belongs to.';
comment on column ops_lanes.priority is 'For steps: the priority; lanes of a higher one are served first.';
comment on column ops_lanes.mark is
  'The sequence whose value is the low-water mark of the lane: no row has this seq or a lower one, so a reader '
  'begins behind it and never scans the dead tuples of what was taken before, however long a snapshot keeps them. A '
  'sequence, because a row that each move updates would itself leave dead tuples.';
comment on column ops_lanes.mark_table is 'The mark is valid only for the ops_ready with this oid …';
comment on column ops_lanes.mark_server_start is
  '… and since this start of the server: pg_dump reads sequences outside its snapshot, so that a restored mark could '
  'lie above rows restored with it.';
comment on column ops_lanes.idle_since is
  'For steps: since when every look of the heartbeat found the lane empty; looks that found it used may be missing.';
comment on column ops_lanes.closing is
  'Not null when the lane is about to be dropped, and no more steps are put into it. 0 at first, then a seq: once all '
  'that announced themselves by then have ended, nothing can come any more.';
comment on column ops_lanes.created_at is 'When the lane was first needed.';

create sequence ops_ready_seq;
create table ops_ready (
  lane integer not null,
  seq bigint not null default nextval('ops_ready_seq'),
  id uuid not null,
  constraint ops_ready_pkey primary key (lane, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.5,
        autovacuum_vacuum_cost_delay = 0);
comment on table ops_ready is
  'Items that are ready to be taken; the taker deletes the row. The truth about a step stays in ops_mission_steps.';
comment on column ops_ready.lane is 'The lane (ops_lanes) it waits in.';
comment on column ops_ready.seq is 'Order within the lane; smaller goes first.';
comment on column ops_ready.id is
  'The event, reaction or step that waits; for the outbox the id of the message, in hexadecimal.';

create sequence ops_late_enqueuers_id_seq;
create table ops_late_enqueuers (
  id bigint constraint ops_late_enqueuers_pkey primary key default nextval('ops_late_enqueuers_id_seq'),
  lane integer not null,
  holder xid not null,
  floor bigint not null,
  noticed_at timestamptz not null default now()
);
create index ops_late_enqueuers_lane on ops_late_enqueuers (lane);
comment on table ops_late_enqueuers is
  'Open transactions that announced themselves so long ago that the mark of a lane has passed the rows that they may '
  'bring. After their end the lane is read from their floor on, until none of these rows is left. Normally empty; an '
  'entry may exist twice.';
comment on column ops_late_enqueuers.id is
  'The key. A unique (lane, holder) would make one session wait for another that records the same.';
comment on column ops_late_enqueuers.lane is 'The lane whose mark has passed its floor, or is about to.';
comment on column ops_late_enqueuers.holder is
  'The transaction, by its id: transactionid in pg_locks, where its process id is.';
comment on column ops_late_enqueuers.floor is 'All rows that it brings have a higher ops_ready.seq than this.';
comment on column ops_late_enqueuers.noticed_at is 'When it was found to have fallen behind.';

create sequence ops_timer_seq;
create table ops_timers (
  due_at timestamptz not null,
  id bigint not null default nextval('ops_timer_seq'),
  step_ids uuid[] not null,
  constraint ops_timers_pkey primary key (due_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table ops_timers is
  'When to look at which steps: one row for each claim (lease), each batch of retries, and each time that parked steps '
  'wait for. A hint only; the truth is in the step, or in ops_parked_steps.';
comment on column ops_timers.due_at is 'When to look.';
comment on column ops_timers.id is 'Makes the key unique.';
comment on column ops_timers.step_ids is 'The steps to look at.';

create table ops_workers (
  worker_id text constraint ops_workers_pkey primary key,
  hostname text,
  pid integer,
  version text,
  executors jsonb not null default '{}',
  settings jsonb not null default '{}',
  login text not null default session_user,
  idle boolean not null default false,
  asleep_until timestamptz,
  started_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  stopped_at timestamptz
) with (fillfactor = 50);
create index ops_workers_idle on ops_workers (worker_id) where idle;
create index ops_workers_asleep on ops_workers (worker_id) where asleep_until is not null;
comment on table ops_workers is 'Worker incarnations: one row per process start, never a bare host name.';
comment on column ops_workers.worker_id is 'The incarnation: host, pid and a random part.';
comment on column ops_workers.hostname is 'Host the process runs on.';
comment on column ops_workers.pid is 'Process id on that host.';
comment on column ops_workers.version is 'Version of the opsloop package that it runs.';
comment on column ops_workers.executors is 'Executors it offers: {"name": {"idempotent": true}}.';
comment on column ops_workers.settings is 'Settings taken from its environment, such as max_retries.';
comment on column ops_workers.login is 'Login role (session_user) that registered it.';
comment on column ops_workers.idle is 'True while it sleeps until notified; producers notify only then.';
comment on column ops_workers.asleep_until is
  'Not null while it is asleep, and neither beats nor gives a sign of life: until when it counts as alive, infinity '
  'while a session of it listens.';
comment on column ops_workers.started_at is 'When the process registered.';
comment on column ops_workers.last_seen_at is 'Its last sign of life.';
comment on column ops_workers.stopped_at is 'When it unregistered; null while it lives, or if it vanished.';

create view ops_workers_seen as
select w.worker_id, w.executors, w.idle, w.last_seen_at,
       -- A moment that was written by hand may be the last that there is.
       case when w.asleep_until is null
            then least(w.last_seen_at, timestamptz '9999-12-31 00:00+00') + interval '1 minute'
            when w.asleep_until < 'infinity' then w.asleep_until
            -- As _keeps_watch, which is loaded later.
            when exists (select from pg_locks l
                          where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
                            and l.classid = 'ops_workers'::regclass
                            and l.objid = (hashtext(w.worker_id)::bigint & 4294967295)::oid
                            and l.database = (select d.oid from pg_database d where d.datname = current_database()))
            then w.asleep_until
            else least(w.last_seen_at, timestamptz '9999-12-31 00:00+00') + interval '1 minute' end as live_until,
       w.asleep_until is not null as asleep
  from ops_workers w
 where w.stopped_at is null;
comment on view ops_workers_seen is
  'Workers that have not unregistered, and until when each counts as alive: a worker is alive while live_until is to '
  'come. (The reader compares it with _now(): a view cannot ask the clock of the loop.)';
comment on column ops_workers_seen.worker_id is 'The incarnation.';
comment on column ops_workers_seen.executors is 'Executors it offers.';
comment on column ops_workers_seen.idle is 'True while it sleeps until notified.';
comment on column ops_workers_seen.last_seen_at is 'Its last sign of life.';
comment on column ops_workers_seen.live_until is
  'A minute after its last sign of life; later while it is asleep, infinity while a session of it listens.';
comment on column ops_workers_seen.asleep is 'True while it is asleep, and gives no sign of life.';

create table ops_sweep (
  name text constraint ops_sweep_pkey primary key,
  position uuid,
  seen integer not null default 0,
  swept_at timestamptz
) with (fillfactor = 50);
insert into ops_sweep (name) values ('steps'), ('missions'), ('events'), ('reactions'), ('outbox');
comment on table ops_sweep is
  'How far the rolling scans have come that find rows written by hand; the lock of a row is the right to sweep.';
comment on column ops_sweep.name is 'The kind of row that is scanned: steps, missions, events, reactions or outbox.';
comment on column ops_sweep.position is 'Id of the last row looked at; null at the start of a round.';
comment on column ops_sweep.seen is
  'How many rows the last part had, a fifth of them where it found something. The next one waits a second for each '
  '4,000.';
comment on column ops_sweep.swept_at is 'When the last part was looked at.';
