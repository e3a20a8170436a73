create or replace function fn_finish_move(p_actor text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- The last two steps of a move, in this order: on the old server, after which its refusals say for good that the loop
-- has moved (OP102); then on the new one, where the loop goes on. Never the other way round, so that work is handed out
-- on one of them at most. Nothing leads back from the second.
-- Locks: the move; on the new server control, and all tables in ACCESS EXCLUSIVE mode: commit at once. Writes:
-- ops_moves, ops_audit_log; on the new server ops_pauses and triggers. Raises: OP103 the step before was not taken,
-- or leases that the old server gave have not ended; OP031 sessions are at the tables; OP018, OP023.
declare
  v_move ops_moves := _lock_move();
  v_is_source boolean := v_move.id is not null and _move_side(v_move) = 'source';
  v_before text := case when v_is_source then 'closed' else 'arrived' end;
  v_after text := case when v_is_source then 'moved' else 'open' end;
  v_state jsonb;
begin
  if v_move.phase = v_after then
    return _move_state(v_move) || '{"changed": false}';
  elsif v_move.phase is distinct from v_before then
    perform _move_refused(v_move, 'finished', case when v_is_source then 'select fn_close_move(); comes first.'
                                                   else 'select fn_receive_move(); comes first.' end);
  elsif v_is_source then
    return _step_move(v_move, 'moved', p_actor, v_move.reason);
  elsif v_move.leases_until > _now() then
    perform _move_refused(v_move, 'finished',
      format('Workers of %s may be at their steps until %s: call again then.', v_move.from_place, v_move.leases_until));
  end if;
  perform _open_tables();
  delete from ops_pauses p where p.scope = 'move';
  update ops_control set updated_at = _now();
  v_state := _step_move(v_move, 'open', p_actor, v_move.reason);
  perform _wake_workers();
  return v_state;
end;
$$;
comment on function fn_finish_move(text) is
  'Finishes a move as p_actor (default: the login): first on the old server, which says from then on that the loop has '
  'moved (OPS_102), then on the new one, where it goes on. Returns the state of the move, with "changed". OPS_103 the '
  'step before was not taken, or leases from before have not ended, OPS_031 sessions are at the tables, OPS_018 not in '
  'read committed, OPS_023 a pause, resume or kill is not committed yet.';
