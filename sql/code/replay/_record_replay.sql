create or replace function _record_replay(
  p_original_msg_id text,
  p_dl_msg_id text,
  p_candidate_id text,
  p_idempotency_key text,
  p_new_msg_id text,
  p_replayed_by text,
  out already_replayed boolean,
  out replay_id bigint
)
language plpgsql
set search_path from current
set lock_timeout = '2s'
as $$
-- Records a replay, whoever the message belongs to. Of two sessions at once, the second waits for the first, two
-- seconds at most, and is told false if that is rolled back.
-- Locks: the unique indexes of replay_log, for which it waits; the dead letter. Writes: replay_log,
-- dead_letter_archive, ops_counts. Raises: OP031.
declare
  v_now timestamptz := _now();
begin
  already_replayed := false;
  insert into replay_log (original_msg_id, dl_msg_id, candidate_id, idempotency_key, new_msg_id, replayed_at,
                          replayed_by, replayed_login)
  values (p_original_msg_id, p_dl_msg_id, p_candidate_id, p_idempotency_key, p_new_msg_id, v_now,
          coalesce(p_replayed_by, _acting_login()), _acting_login())
  on conflict do nothing
  returning id into replay_id;
  if replay_id is null then
    already_replayed := true;
    select l.id into replay_id
      from replay_log l
     where l.original_msg_id = p_original_msg_id or l.idempotency_key = p_idempotency_key
     order by (l.original_msg_id = p_original_msg_id) desc
     limit 1;
    perform _count('m10_replay_duplicates_total');
  else
    update dead_letter_archive a set redriven_at = v_now where a.dl_msg_id = p_dl_msg_id and a.redriven_at is null;
  end if;
exception when lock_not_available then
  perform _raise_held(format('the replay of %s', quote_literal(p_original_msg_id)), 'replay_log');
end;
$$;
