-- Takes back 0021_moves in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0021_moves';
\ir ../../loader/begin.sql
\ir ../../schema/0021_moves.rollback.sql
\ir ../../loader/change_undo.sql
commit;
