-- Takes back 0011_radar in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0011_radar';
\ir ../../loader/begin.sql
\ir ../../schema/0011_radar.rollback.sql
\ir ../../loader/change_undo.sql
commit;
