create or replace function fn_redrive_dead_letter(p_dl_msg_id text, p_actor text default null)
returns table (redriven boolean, replay_id bigint, new_msg_id text)
language plpgsql
security definer
set search_path from current
as $$
-- Puts the original of a dead letter back to work, exactly once however many sessions ask. The others wait for the
-- first, and get redriven false with its result; if the first is rolled back, the next one does it.
-- Locks: the letter; then replay_log, and what putting back locks. Writes: replay_log, dead_letter_archive, ops_counts,
-- and the step, reaction or message. Raises: OP012 no such letter, or what it is about is gone, OP014 that has moved
-- on, OP003 and OP015 as fn_retry_step.
declare
  v_letter dead_letter_archive;
begin
  select * into v_letter from dead_letter_archive a where a.dl_msg_id = p_dl_msg_id for update;
  if not found then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: no dead letter %s', quote_nullable(p_dl_msg_id)),
      hint = 'select * from fn_list_dead_letters(); lists the newest.';
  end if;
  return query select * from _redrive(v_letter, coalesce(p_actor, session_user));
end;
$$;
comment on function fn_redrive_dead_letter(text, text) is
  'Puts back to work what a dead letter is about, as p_actor (default: the login), exactly once: redriven is false '
  'for whoever comes second. A step gets all its tries again and its mission comes back to life; a reaction is '
  'queued; a message of the outbox is delivered; of a letter of another system the event dead_letter:redriven tells. '
  'OPS_012 unknown or gone, OPS_014 moved on since, OPS_003 and OPS_015 as fn_retry_step.';
