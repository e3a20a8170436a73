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
-- One turn of the loop: due leases and retries, stale and hand-queued steps, what pauses left to do, events, reactions,
-- waiting gates, and the duties that one turn in ten seconds does for all.
-- Safe to run anywhere, any number at once: every phase takes only what no other turn holds. A phase that fails is
-- rolled back alone and reported; the others still run. A phase that meets somebody's open transaction (a cooldown just
-- begun, say) waits two seconds at most, for meanwhile the turn holds what it recovered.
-- Locks: those of the phases. Writes: what the phases write, and heartbeat:success or heartbeat:failure.
-- Raises: nothing; failures come back under "errors" with their SQLSTATE.
declare
  v_phase text;
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

  -- Before anything is written: a transaction that has written moves no marks.
  perform _lane_fronts(array[_lane_of('events'), _lane_of('reactions')]);
  foreach v_phase in array array['leases', 'stale', 'pauses', 'triggers', 'reactions', 'gates', 'duties'] loop
    begin
      case v_phase
        when 'leases' then select * into v_lease from fn_recover_expired_leases();
        when 'stale' then v_stale := fn_recover_stale_steps(p_stale_minutes);
        when 'pauses' then perform _tend_pauses();
        when 'triggers' then select * into v_trigger from fn_evaluate_triggers(coalesce(p_event_batch_size, 50));
        when 'reactions' then select * into v_reaction from fn_process_reactions(coalesce(p_reaction_batch_size, 50));
        when 'gates' then perform _gate_waiting(coalesce(p_reaction_batch_size, 50));
        when 'duties' then perform _do_duties();
      end case;
    exception when others then
      -- One phase must not sink the turn; the SQLSTATE is kept in the result and in the event.
      get stacked diagnostics v_message = message_text;
      v_errors := v_errors || jsonb_build_object('phase', v_phase, 'code', sqlstate, 'message', v_message);
    end;
  end loop;

  v_result := jsonb_build_object(
    'ok', v_errors = '[]',
    'triggerResult', jsonb_build_object('events', v_trigger.events, 'queued', v_trigger.queued),
    'reactionResult', jsonb_build_object('processed', v_reaction.processed, 'created', v_reaction.created),
    'leaseResult', jsonb_build_object('requeued_steps', v_lease.requeued_steps, 'failed_steps', v_lease.failed_steps),
    'staleResult', jsonb_build_object('recovered', v_stale));
  if v_errors <> '[]' then
    v_result := v_result || jsonb_build_object('errors', v_errors);
  end if;
  perform _record_heartbeat(v_result);
  return v_result;
end;
$$;
comment on function fn_heartbeat(integer, integer, integer) is
  'One turn of the loop. Batch sizes default to 50 events and 50 reactions, p_stale_minutes to 15. Returns what each '
  'phase did; "ok": false with "errors" when a phase failed. Safe to run anywhere, any number at once.';
