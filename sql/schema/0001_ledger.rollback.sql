-- Takes back 0001_ledger. The schema itself stays: it may hold other people's objects.
set local lock_timeout = '5s';

drop table opsloop_routine;
drop table opsloop_schema_change;
