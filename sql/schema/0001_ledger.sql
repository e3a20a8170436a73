-- The ledger: which changes are installed here, by which login, and which routines are opsloop's own.
set local lock_timeout = '5s';

create table opsloop_schema_change (
  change text constraint opsloop_schema_change_pkey primary key,
  version text,
  code_digest text,
  installed_at timestamptz not null default clock_timestamp(),
  installed_by text not null default session_user
);
comment on table opsloop_schema_change is
  'The installations of opsloop in this schema: one row per schema change and per reload of the routines.';
comment on column opsloop_schema_change.change is
  'Name of the script in sql/schema, or code_ and the start of a digest for a reload between releases.';
comment on column opsloop_schema_change.version is
  'The release that this change completes; null for the changes within a release.';
comment on column opsloop_schema_change.code_digest is
  'Digest of the routine files loaded with it: unknown when a runner other than opsloop migrate loaded them, none '
  'after they were dropped, null when it loaded none.';
comment on column opsloop_schema_change.installed_at is 'When it was installed.';
comment on column opsloop_schema_change.installed_by is 'The login role that installed it.';

create table opsloop_routine (
  name text not null,
  arg_types text not null,
  constraint opsloop_routine_pkey primary key (name, arg_types)
);
comment on table opsloop_routine is
  'The routines that opsloop installed in this schema. It replaces and drops only these.';
comment on column opsloop_routine.name is 'Name of the routine.';
comment on column opsloop_routine.arg_types is
  'Types of its input arguments, separated by comma and space, as oidvectortypes() prints them.';
