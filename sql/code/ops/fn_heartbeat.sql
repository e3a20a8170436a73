create or replace function fn_heartbeat(
  p_event_batch_size integer default null,
  p_reaction_batch_size integer default null,
  p_stale_minutes integer default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
set jit = off
set lock_timeout = '2s'
as $$
-- One turn of the loop: due leases and retries, stale and hand-queued steps, pauses, events and messages of the outbox
-- written by hand, ticks of schedules, events, steps that wait for these, reactions, gates that had to wait, and the
-- duties of the areas. One turn in ten seconds does the duties for all: the one that acquires a lock, which it leaves
-- to expire unless a duty fails. Safe to run anywhere, any number at once: every phase takes only what no other turn
-- holds. A phase that fails is rolled back alone and reported; the others still run, and so do the other duties when
-- one fails. A phase that meets an open transaction (a cooldown that just began, for example) waits two seconds at
-- most, as the turn holds the rows that it recovered meanwhile.
-- Locks: those of the phases, and the lock heartbeat:duties. Writes: what the phases write, marks, distributed_locks,
-- and heartbeat:success or heartbeat:failure. Raises: nothing; failures come back under "errors" with their SQLSTATE.
declare
  c_duties constant text := 'heartbeat:duties';
  v_turn constant text := format('heartbeat:%s:%s', pg_backend_pid(), gen_random_uuid());
  v_phase text;
  v_part text;
  v_due boolean := false;
  v_errors jsonb := '[]';
  v_message text;
  v_lease record;
  v_stale integer := 0;
  v_trigger record;
  v_reaction record;
  v_result jsonb;
begin
  select 0 as requeued_steps, 0 as failed_steps into v_lease;
  select 0 as events, 0 as queued into v_trigger;
  select 0 as processed, 0 as created into v_reaction;

  -- First of all: a transaction that has written moves no marks.
  perform _lane_fronts(array[_lane_of('events'), _lane_of('reactions')]);
  -- Gates before reactions: proposals that wait for a cap pass before new ones.
  for v_phase, v_part in
    values ('leases', ''), ('stale', ''), ('pauses', ''), ('adopted', 'events'), ('adopted', 'outbox'),
           ('schedules', ''), ('triggers', ''), ('waits', 'events'), ('gates', ''), ('reactions', ''),
           ('waits', 'missions'), ('subagents', ''),
           ('duties', 'turn'), ('duties', 'base'), ('duties', 'queue'), ('duties', 'locks'), ('duties', 'steps'),
           ('duties', 'approvals'), ('duties', 'missions'), ('duties', 'explain'), ('duties', 'retention')
  loop
    continue when v_phase = 'duties' and v_part <> 'turn' and not v_due;
    begin
      case concat_ws(' of ', v_phase, nullif(v_part, ''))
        when 'leases' then select * into v_lease from fn_recover_expired_leases();
        when 'stale' then v_stale := fn_recover_stale_steps(p_stale_minutes);
        when 'pauses' then perform _duty_control();
        when 'adopted of events' then perform _duty_events();
        when 'adopted of outbox' then perform _duty_outbox();
        when 'schedules' then perform _duty_schedules();
        when 'triggers' then select * into v_trigger from fn_evaluate_triggers(coalesce(p_event_batch_size, 50));
        when 'waits of events' then perform _duty_waits();
        when 'waits of missions' then perform _tend_children();
        when 'reactions' then select * into v_reaction from fn_process_reactions(coalesce(p_reaction_batch_size, 50));
        when 'gates' then perform _duty_proposals(coalesce(p_reaction_batch_size, 50));
        when 'subagents' then perform _duty_subagents();
        when 'duties of turn' then
          perform _redate_locks(c_duties);
          -- An end that no turn gave, but a hand, would keep everybody from the duties.
          delete from distributed_locks
           where ctid = any (array(select l.ctid from distributed_locks l
                                    where l.lock_name = c_duties and l.expires_at > _now() + interval '1 minute'
                                      for update skip locked));
          v_due := _take_lock(c_duties, v_turn, 10) = 'acquired';
        when 'duties of base' then perform _duty_base();
        when 'duties of queue' then perform _duty_queue();
        when 'duties of locks' then perform _duty_locks();
        when 'duties of steps' then perform _duty_steps();
        when 'duties of approvals' then perform _duty_approvals();
        when 'duties of missions' then perform _duty_missions();
        when 'duties of explain' then perform _duty_explain();
        when 'duties of retention' then perform _duty_retention();
      end case;
    exception when others or assert_failure then
      -- A phase that fails must not stop the turn; the SQLSTATE is kept in the result and in the event.
      get stacked diagnostics v_message = message_text;
      v_errors := v_errors || jsonb_build_object('phase', v_phase, 'code', sqlstate, 'message', v_message);
    end;
  end loop;
  if v_due and v_errors @> '[{"phase": "duties"}]' then
    -- The next turn tries again, not one in ten seconds.
    delete from distributed_locks l where l.lock_name = c_duties and l.holder_id = v_turn;
  end if;

  v_result := jsonb_build_object(
    'ok', v_errors = '[]',
    'triggerResult', jsonb_build_object('events', v_trigger.events, 'queued', v_trigger.queued),
    'reactionResult', jsonb_build_object('processed', v_reaction.processed, 'created', v_reaction.created),
    'leaseResult', jsonb_build_object('requeued_steps', v_lease.requeued_steps, 'failed_steps', v_lease.failed_steps),
    'staleResult', jsonb_build_object('recovered', v_stale));
  if v_errors <> '[]' then
    v_result := v_result || jsonb_build_object('errors', v_errors);
  end if;
  if exists (select from ops_timers t where t.due_at <= _now()) then
    v_result := v_result || '{"more": true}';
  end if;
  perform _record_heartbeat(v_result);
  return v_result;
end;
$$;
comment on function fn_heartbeat(integer, integer, integer) is
  'One turn of the loop. Batch sizes default to 50 events and 50 reactions, p_stale_minutes to 15. Returns what each '
  'phase did; "ok": false with "errors" when a phase failed; "more" when steps are due that the next turn brings on. '
  'Safe to run anywhere, any number at once.';
