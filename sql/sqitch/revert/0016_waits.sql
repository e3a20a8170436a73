-- Takes back 0016_waits in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0016_waits';
\ir ../../loader/begin.sql
\ir ../../schema/0016_waits.rollback.sql
\ir ../../loader/change_undo.sql
commit;
