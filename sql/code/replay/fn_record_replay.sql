create or replace function fn_record_replay(
  p_original_msg_id text,
  p_dl_msg_id text default null,
  p_candidate_id text default null,
  p_idempotency_key text default null,
  p_new_msg_id text default null,
  p_replayed_by text default null
)
returns table (already_replayed boolean, replay_id bigint)
language plpgsql
security definer
set search_path from current
as $$
-- Records that a message is replayed, in the transaction of the replay. A caller that is told of an earlier replay must
-- not replay. Of two sessions at once, the second waits for the first, two seconds at most, and is told false if that
-- is rolled back. Letters of the loop itself are put back by fn_redrive_dead_letter, which makes the record of it.
-- Locks: the unique indexes of replay_log, for which it waits; the dead letter. Writes: replay_log,
-- dead_letter_archive, ops_counts. Raises: OP018 when nothing says what is replayed, or a name is the loop's own;
-- OP031.
begin
  if coalesce(p_original_msg_id, '') = '' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_original_msg_id is empty',
      hint = 'Give the id of the message that is replayed.';
  end if;
  perform _check_text(t.name, t.value, 500)
     from (values ('p_original_msg_id', p_original_msg_id), ('p_dl_msg_id', p_dl_msg_id),
                  ('p_candidate_id', p_candidate_id), ('p_idempotency_key', p_idempotency_key),
                  ('p_new_msg_id', p_new_msg_id), ('p_replayed_by', p_replayed_by)) t (name, value);
  perform _assert_not_reserved('message', 'p_original_msg_id', p_original_msg_id);
  perform _assert_not_reserved('message', 'p_dl_msg_id', p_dl_msg_id);
  return query
  select r.already_replayed, r.replay_id
    from _record_replay(p_original_msg_id, p_dl_msg_id, p_candidate_id, p_idempotency_key, p_new_msg_id,
                        p_replayed_by) r;
end;
$$;
comment on function fn_record_replay(text, text, text, text, text, text) is
  'Records that a message is replayed and says whether it was before, by its original_msg_id or by p_idempotency_key; '
  'replay_id is the one record of it. Call it in the transaction of the replay, and replay only when already_replayed '
  'is false. p_replayed_by defaults to the login. From the runbook of migration 022. OPS_018 without '
  'p_original_msg_id, or for a name of the loop itself; OPS_031 while another transaction is at it.';
