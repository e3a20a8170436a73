-- Takes back 0005_proposals in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0005_proposals';
\ir ../../loader/begin.sql
\ir ../../schema/0005_proposals.rollback.sql
\ir ../../loader/change_undo.sql
commit;
