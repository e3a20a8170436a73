-- Takes back 0008_control in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0008_control';
\ir ../../loader/begin.sql
\ir ../../schema/0008_control.rollback.sql
\ir ../../loader/change_undo.sql
commit;
