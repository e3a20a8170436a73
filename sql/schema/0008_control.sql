-- Stop and go: the pauses, and the epoch that the kill switch raises.
set local lock_timeout = '5s';

create table ops_pauses (
  scope text not null
    constraint ops_pauses_scope_known
      check (scope in ('all', 'executor', 'agent', 'kind', 'source', 'mission', 'schedule', 'move')),
  target text not null default '',
  reason text,
  paused_by text,
  paused_login text not null default session_user,
  paused_at timestamptz not null default now(),
  kill boolean not null default false,
  parks boolean not null generated always as (scope not in ('all', 'executor', 'schedule', 'move')) stored,
  constraint ops_pauses_pkey primary key (scope, target),
  constraint ops_pauses_all_has_no_target check ((scope in ('all', 'move')) = (target = '')),
  constraint ops_pauses_kill_is_of_all check (scope = 'all' or not kill)
);
comment on table ops_pauses is 'The pauses in force, one row each; resuming deletes it.';
comment on column ops_pauses.scope is
  'all, executor, agent, kind, source, mission or schedule; move while the loop moves to another server.';
comment on column ops_pauses.target is
  'Which executor, agent, kind, source, mission or schedule; empty for all and move.';
comment on column ops_pauses.reason is 'Why.';
comment on column ops_pauses.paused_by is 'The person or program that paused, as the caller said.';
comment on column ops_pauses.paused_login is 'The login role that did it.';
comment on column ops_pauses.paused_at is 'When.';
comment on column ops_pauses.kill is 'True when the kill switch did it: leases were revoked as well.';
comment on column ops_pauses.parks is
  'True when the steps that it covers are taken out of the queue and parked, since they share their lanes with others; '
  'those of all, move and an executor stay there, as no claim opens their lanes; a schedule has none.';

create table ops_control (
  one boolean constraint ops_control_pkey primary key default true constraint ops_control_one_row check (one),
  -- A fencing token is a bigint that begins with it.
  epoch integer not null default 0 constraint ops_control_epoch_fits_token check (epoch between 0 and 9000000),
  revoked_epoch integer not null default 0,
  stragglers text[] not null default '{}',
  -- The last two hexadecimal digits of each id.
  node integer not null default 0 constraint ops_control_node_fits_id check (node between 0 and 255),
  told jsonb not null default '{}',
  told_server_start timestamptz,
  updated_at timestamptz not null default now()
);
insert into ops_control (one) values (true);
comment on table ops_control is 'One row: the epoch that leases are given under, and the place in a fleet.';
comment on column ops_control.one is 'Keeps it one row.';
comment on column ops_control.epoch is 'Raised by the kill switch; a lease of an older epoch is void.';
comment on column ops_control.revoked_epoch is
  'The epoch up to which void leases have all been taken back; below epoch, heartbeats go on doing so.';
comment on column ops_control.stragglers is
  'Transactions (pg_locks.virtualtransaction) that were still at it when the kill switch went on without them, and '
  'may yet commit a lease of an older epoch.';
comment on column ops_control.node is 'The number of this loop in its fleet; 0 for a loop by itself.';
comment on column ops_control.told is
  'The last message of the front of the fleet: its generation and its pauses.';
comment on column ops_control.told_server_start is
  'When the server started that was running as the front said so. A node whose server has started since hands out '
  'nothing until the front has spoken again.';
comment on column ops_control.updated_at is 'When a pause, a resume or the kill switch last changed something.';
