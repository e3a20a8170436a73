-- Takes back 0010_replay, with all rows.
set local lock_timeout = '5s';

drop table replay_log;
drop sequence replay_log_id_seq;
drop table dead_letter_archive;
drop sequence dead_letter_archive_id_seq;
