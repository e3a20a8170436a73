create or replace function _redrive(p_letter dead_letter_archive, p_actor text)
returns table (redriven boolean, replay_id bigint, new_msg_id text)
language plpgsql
set search_path from current
as $$
-- Puts the original of a dead letter back to work, once. The caller holds the lock of the letter. A letter of another
-- system is identified by its original message, one of the loop by its own name, as an original that gives up again
-- leaves another letter.
-- Locks: replay_log, and those of _put_back. Writes: replay_log, dead_letter_archive, ops_counts, ops_audit_log, and
-- what _put_back writes. Raises: what _put_back raises.
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
    from fn_record_replay(
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
