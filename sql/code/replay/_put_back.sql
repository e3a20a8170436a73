create or replace function _put_back(p_letter dead_letter_archive, p_actor text)
returns text
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts the original of a dead letter back to work, and returns its name. A step runs again with all its tries, and its
-- mission comes back to life; a reaction is queued; a message of the outbox is delivered again, with all its tries, but
-- after those that were delivered since. For a letter that another system wrote it only emits dead_letter:redriven.
-- Locks: the mission, then its steps; or the reaction; or the message; the announcement. Writes: ops_ready and, for a
-- step, ops_mission_steps, ops_missions, ops_parked_steps and ops_agent_events; for a reaction, ops_agent_reactions;
-- for a message, outbox; else ops_agent_events. Raises: OP012 the original is gone; OP014 it has moved on since; OP003
-- policy forbids the step; OP015 the login may not decide on the step.
declare
  v_now timestamptz := _now();
  v_event bigint;
  v_found text;
begin
  case p_letter.what
    when 'step' then
      perform _lock_mission((select s.mission_id from ops_mission_steps s where s.id = p_letter.original_msg_id::uuid));
      select case when s.status = 'failed' and s.attempt = p_letter.reclaim_count then '' else s.status end into v_found
        from ops_mission_steps s where s.id = p_letter.original_msg_id::uuid;
      if v_found = '' then
        perform _retry_step(p_letter.original_msg_id::uuid, p_actor);
        return 'step:' || p_letter.original_msg_id;
      end if;
    when 'reaction' then
      select case when r.status = 'failed' then '' else r.status end into v_found
        from ops_agent_reactions r where r.id = p_letter.original_msg_id::uuid for update;
      if v_found = '' then
        update ops_agent_reactions r set status = 'queued', reason = null, reason_code = null, updated_at = v_now
         where r.id = p_letter.original_msg_id::uuid;
        perform _enqueue_reactions(array[p_letter.original_msg_id::uuid]);
        return 'reaction:' || p_letter.original_msg_id;
      end if;
    when 'outbox' then
      v_event := (p_letter.payload ->> 'id')::bigint;
      select case when o.dead then '' else 'not dead' end into v_found
        from outbox o where o.id = v_event for update;
      if v_found = '' then
        update outbox o set processed_at = null, retry_count = 0 where o.id = v_event;
        perform _requeue_outbox(array[v_event]);
        return p_letter.original_msg_id;
      end if;
    else
      perform _emit_loop_events(array['dead_letter:redriven'],
        array[jsonb_build_object('dl_msg_id', p_letter.dl_msg_id, 'original_msg_id', p_letter.original_msg_id,
                                 'payload', p_letter.payload, 'actor', p_actor)],
        array[null]::uuid[], array[-1], _acting_login());
      return 'event:dead_letter:redriven';
  end case;
  if v_found is null then
    if p_letter.what = 'step' then
      perform _assert_not_purged(p_letter.original_msg_id::uuid);
    end if;
    raise exception using errcode = 'OP012',
      message = format('OPS_012: the %s of dead letter %s is gone', p_letter.what, p_letter.dl_msg_id),
      detail = jsonb_build_object('original_msg_id', p_letter.original_msg_id)::text,
      hint = 'The letter has all there was in its payload: propose or publish it anew.';
  end if;
  raise exception using errcode = 'OP014',
    message = format('OPS_014: the %s of dead letter %s has moved on: it is %s', p_letter.what, p_letter.dl_msg_id,
                     v_found),
    detail = jsonb_build_object('original_msg_id', p_letter.original_msg_id, 'status', v_found)::text,
    hint = 'It was put back by hand, or it gave up once more: then a later letter has its last end.';
end;
$$;
