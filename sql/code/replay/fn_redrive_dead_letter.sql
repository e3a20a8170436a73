create or replace function fn_redrive_dead_letter(p_dl_msg_id text, p_actor text default null)
returns table (redriven boolean, replay_id bigint, new_msg_id text)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Puts the original of a dead letter back to work, exactly once however many sessions ask. The others wait for the
-- first, and get redriven false with its result; if the first is rolled back, the next one does it.
-- Locks: the letter; the unique indexes of replay_log; then the mission and its steps, the reaction or the message; the
-- announcement. Writes: replay_log, dead_letter_archive, ops_counts, ops_audit_log, ops_ready; ops_mission_steps,
-- ops_missions, ops_parked_steps, ops_agent_reactions, outbox or ops_agent_events, by the kind of letter. Raises: OP012
-- no such letter, or its original is gone; OP014 the original has moved on since; OP003 policy forbids the step; OP015
-- the login may not decide on the step; OP018 a letter with an empty original_msg_id.
declare
  v_letter dead_letter_archive;
begin
  begin
    select * into v_letter from dead_letter_archive a where a.dl_msg_id = p_dl_msg_id for update;
  exception when lock_not_available then
    perform _raise_held(format('the dead letter %s', quote_literal(p_dl_msg_id)), 'dead_letter_archive',
                        array(select a.xmax from dead_letter_archive a where a.dl_msg_id = p_dl_msg_id));
  end;
  if v_letter.id is null then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: no dead letter %s', quote_nullable(p_dl_msg_id)),
      hint = 'select * from fn_list_dead_letters(); lists the newest.';
  end if;
  return query select * from _redrive(v_letter, coalesce(p_actor, _acting_login()));
end;
$$;
comment on function fn_redrive_dead_letter(text, text) is
  'Puts back to work what a dead letter is about, as p_actor (default: the login), exactly once: redriven is false '
  'for later calls. A step gets all its tries again and its mission comes back to life; a reaction is '
  'queued; a message of the outbox is delivered; of a letter of another system the event dead_letter:redriven tells. '
  'OPS_012 unknown or gone, OPS_014 moved on since, OPS_003 and OPS_015 as fn_retry_step.';
