-- Takes back 0003_queue in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0003_queue';
\ir ../../loader/begin.sql
\ir ../../schema/0003_queue.rollback.sql
\ir ../../loader/change_undo.sql
commit;
