-- Completes release 0.1.0: loads all routines, and its ledger row names the release.
set local lock_timeout = '5s';
set local opsloop.version = '0.1.0';

\ir ../code.sql
