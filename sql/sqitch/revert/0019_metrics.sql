-- Takes back 0019_metrics in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0019_metrics';
\ir ../../loader/begin.sql
\ir ../../schema/0019_metrics.rollback.sql
\ir ../../loader/change_undo.sql
commit;
