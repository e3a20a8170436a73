-- Checks 0021_moves in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0021_moves';
\ir ../../loader/begin.sql
\ir ../../loader/change_verify.sql
rollback;
