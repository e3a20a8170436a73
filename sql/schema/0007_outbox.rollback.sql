-- Takes back 0007_outbox, with all rows.
set local lock_timeout = '5s';

drop table outbox_timers;
drop sequence outbox_timer_seq;
drop table outbox_heads;
drop table outbox;
drop sequence outbox_id_seq;
