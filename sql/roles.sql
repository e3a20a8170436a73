-- Applies the rights in grants.sql again, after roles were made or changed, to the schema that `--set schema=…` names
-- (default opsloop); for psql, by the owner of the schema. `opsloop roles --apply` does the same.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
\ir loader/begin.sql
set local lock_timeout = '5s';
\ir grants.sql
commit;
