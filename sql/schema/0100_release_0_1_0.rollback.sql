-- Takes back release 0.1.0: drops the routines; the tables and their rows stay.
set local lock_timeout = '5s';

\ir ../loader/code_drop.sql
