-- Takes back 0010_replay, with all rows.
set local lock_timeout = '5s';

drop index dead_letter_archive_open;
alter table dead_letter_archive drop column redriven_at;
drop table replay_log;
drop sequence replay_log_id_seq;
