-- Takes back 0018_api_keys in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\if :{?schema}
\else
  \set schema opsloop
\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '0018_api_keys';
\ir ../../loader/begin.sql
\ir ../../schema/0018_api_keys.rollback.sql
\ir ../../loader/change_undo.sql
commit;
