-- Takes the layer m10_recovery back; to be run as m10_recovery.sql is. The loop and its rows stay as they are. What
-- somebody else put into the schema, or built on it, is not touched: then nothing is removed.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
begin
  if obj_description(to_regnamespace('m10_recovery')::oid, 'pg_namespace')
     is distinct from 'opsloop compat of schema ' || quote_ident(current_schema()) then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: schema %I has no compatibility layer m10_recovery', current_schema()),
      hint = 'opsloop compat list shows what is installed.';
  end if;
end;
$$;
drop function if exists
  m10_recovery.acquire_lock(text, text, integer),
  m10_recovery.archive_dead_letter(text, text, integer, uuid, jsonb, text, integer, timestamptz, text),
  m10_recovery.claim_outbox_events(text, integer),
  m10_recovery.cleanup_expired_locks(),
  m10_recovery.complete_outbox_event(bigint, text, boolean, text),
  m10_recovery.extend_lock(text, text, integer),
  m10_recovery.publish_outbox(text, text, text, jsonb),
  m10_recovery.record_replay(text, text, integer, uuid, text, text),
  m10_recovery.release_lock(text, text);
drop view if exists
  m10_recovery.dead_letter_archive, m10_recovery.distributed_locks, m10_recovery.outbox, m10_recovery.replay_log;
drop schema m10_recovery;
