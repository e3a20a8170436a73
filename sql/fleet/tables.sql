-- What the front of a fleet keeps: its nodes, and what they are to be told. It has no work of its own.
create table if not exists fleet_state (
  one boolean constraint fleet_state_pkey primary key default true constraint fleet_state_one_row check (one),
  generation bigint not null default 0,
  kills integer not null default 0,
  layout integer not null default 1
);
insert into fleet_state (one) values (true) on conflict do nothing;
comment on table fleet_state is 'One row: how often what the nodes are to be told has changed, and their layout.';
comment on column fleet_state.one is 'Keeps it one row.';
comment on column fleet_state.generation is 'Rises with every pause, resume, kill and policy; a node below it is told.';
comment on column fleet_state.kills is 'How often the kill switch was used.';
comment on column fleet_state.layout is 'Rises with every node that joins after the first key was routed.';

create table if not exists fleet_routed (
  layout integer not null,
  routed_by xid8 not null default pg_current_xact_id(),
  constraint fleet_routed_pkey primary key (layout, routed_by)
);
comment on table fleet_routed is
  'The layouts that a key was routed by: a row of each transaction that saw none yet, so that a pause or a kill, which '
  'locks fleet_state, never waits for a producer.';
comment on column fleet_routed.layout is 'The layout.';
comment on column fleet_routed.routed_by is 'The transaction on the front.';

create table if not exists fleet_nodes (
  node integer constraint fleet_nodes_pkey primary key
    constraint fleet_nodes_number_fits_id check (node between 1 and 255),
  dsn text not null,
  status text not null default 'open'
    constraint fleet_nodes_status_known check (status in ('open', 'draining', 'gone')),
  share numeric constraint fleet_nodes_share_positive check (share > 0),
  joined integer not null,
  version integer not null default 1,
  generation bigint not null default -1,
  kills integer not null default 0,
  fault text,
  fault_code text,
  answered_at timestamptz,
  added_at timestamptz not null default now(),
  added_login text not null default session_user
);
comment on table fleet_nodes is 'The nodes of the fleet, each a loop in a database of its own.';
comment on column fleet_nodes.node is 'Its number, which the ids of its rows end with, as two hexadecimal digits.';
comment on column fleet_nodes.dsn is 'How the front reaches it: a connection string without user and password.';
comment on column fleet_nodes.status is
  'open, draining (it gets no new keys and finishes what it has) or gone (its ids are no longer found).';
comment on column fleet_nodes.share is 'Its part of the proposal caps; null: each node has the whole caps.';
comment on column fleet_nodes.joined is 'The layout that it joined with.';
comment on column fleet_nodes.version is 'Rises when dsn or a password changes: sessions then connect anew.';
comment on column fleet_nodes.generation is 'The generation that it was told last; below that of fleet_state: behind.';
comment on column fleet_nodes.kills is 'How many kills reached it; below those of fleet_state: it missed one.';
comment on column fleet_nodes.fault is 'Why it could not be told the last time; null when it could.';
comment on column fleet_nodes.fault_code is 'SQLSTATE of the fault: OP029 where it did not answer, else its own.';
comment on column fleet_nodes.answered_at is 'When it was told something last.';
comment on column fleet_nodes.added_at is 'When it joined.';
comment on column fleet_nodes.added_login is 'The login role that added it.';

create table if not exists fleet_logins (
  login text constraint fleet_logins_pkey primary key,
  password text not null
);
comment on table fleet_logins is
  'Passwords with which the front logs in to the nodes as the login that called it; the owner alone reads them. A '
  'login that is not here has its password in the pgpass file of the account that runs the front''s server.';
comment on column fleet_logins.login is 'The login role, on the front and on every node.';
comment on column fleet_logins.password is 'Its password on the nodes.';

create table if not exists fleet_pauses (
  scope text not null
    constraint fleet_pauses_scope_known check (scope in ('all', 'executor', 'agent', 'kind', 'source')),
  target text not null default '',
  kill boolean not null default false,
  reason text,
  paused_by text not null,
  paused_login text not null default session_user,
  paused_at timestamptz not null default now(),
  constraint fleet_pauses_pkey primary key (scope, target)
);
comment on table fleet_pauses is 'What is paused on all nodes; a node that was away is told when it is back.';
comment on column fleet_pauses.scope is 'all, executor, agent, kind or source.';
comment on column fleet_pauses.target is 'Which executor, agent, kind or source; empty for all.';
comment on column fleet_pauses.kill is 'True when the kill switch did it.';
comment on column fleet_pauses.reason is 'Why.';
comment on column fleet_pauses.paused_by is 'Who did it, as the caller said.';
comment on column fleet_pauses.paused_login is 'The login role that did it.';
comment on column fleet_pauses.paused_at is 'When.';

create table if not exists fleet_policies (
  key text not null,
  version integer not null,
  value jsonb not null,
  changed_by text not null,
  changed_login text not null default session_user,
  updated_at timestamptz not null default now(),
  reason text,
  constraint fleet_policies_pkey primary key (key, version)
);
comment on table fleet_policies is
  'Every version of every policy document of the fleet; the highest is in force. Nodes count versions of their own.';
comment on column fleet_policies.key is 'Name of the document.';
comment on column fleet_policies.version is 'Version number, from 1 without a hole.';
comment on column fleet_policies.value is 'The whole document; nodes with a share get theirs of proposal_caps.';
comment on column fleet_policies.changed_by is 'Who changed it, as claimed by the caller.';
comment on column fleet_policies.changed_login is 'The login role that made the change.';
comment on column fleet_policies.updated_at is 'When.';
comment on column fleet_policies.reason is 'Why, in the words of the actor.';
