-- Takes back 0007_effects, with all rows.
set local lock_timeout = '5s';

drop table ops_demand_radar;
drop table dead_letter_archive;
drop sequence dead_letter_archive_id_seq;
drop table outbox_timers;
drop sequence outbox_timer_seq;
drop table outbox_heads;
drop table outbox;
drop sequence outbox_id_seq;
