create or replace function _redrive(p_letter dead_letter_archive, p_actor text)
returns table (redriven boolean, replay_id bigint, new_msg_id text)
language plpgsql
set search_path from current
as $$
-- Puts the original of a dead letter back to work, once. The caller holds the row lock of the letter. The replay of a
-- letter of another system is recorded under its original message, so that all letters of one message have one replay.
-- That of a letter of the loop is recorded under the name of the letter: an original that gives up again leaves another
-- letter, which has a replay of its own.
-- Locks: the unique indexes of replay_log, for which it waits, two seconds at most; what putting back locks. Writes:
-- replay_log, dead_letter_archive, ops_counts, ops_audit_log, and what putting back writes. Raises: OP031; OP012,
-- OP014, OP003 and OP015 when the original cannot be put back; OP018 when the letter of another system has an empty
-- original_msg_id.
declare
  v_now timestamptz := _now();
  v_replay record;
begin
  if p_letter.redriven_at is not null then
    select l.id, l.new_msg_id into replay_id, new_msg_id
      from replay_log l
     where l.dl_msg_id = p_letter.dl_msg_id or l.original_msg_id in (p_letter.original_msg_id, p_letter.dl_msg_id)
     order by l.dl_msg_id is not distinct from p_letter.dl_msg_id desc, l.id desc
     limit 1;
    perform _count('m10_replay_duplicates_total');
    redriven := false;
    return next;
    return;
  end if;
  select * into v_replay
    from _record_replay(
      case p_letter.what when 'other' then p_letter.original_msg_id else p_letter.dl_msg_id end,
      p_letter.dl_msg_id, p_letter.candidate_id, null, null, p_actor);
  redriven := not v_replay.already_replayed;
  replay_id := v_replay.replay_id;
  if redriven then
    new_msg_id := _put_back(p_letter, p_actor);
    update replay_log l set new_msg_id = _redrive.new_msg_id where l.id = v_replay.replay_id;
    perform _audit('redrive', 'dead_letter', p_letter.dl_msg_id, p_actor, null,
      jsonb_build_object('original_msg_id', p_letter.original_msg_id, 'new_msg_id', new_msg_id));
  else
    select l.new_msg_id into new_msg_id from replay_log l where l.id = v_replay.replay_id;
    -- Replayed already: by another letter of the same message, or before this letter was archived.
    update dead_letter_archive a set redriven_at = v_now where a.id = p_letter.id;
  end if;
  return next;
end;
$$;
