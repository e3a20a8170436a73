create or replace function fn_begin_move(
  p_to text,
  p_from text default null,
  p_actor text default null,
  p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- The first step of a move to another server, taken where the loop is: from the commit on every claim is refused
-- (OP101), while what runs goes on and reports, and everything else is stored here still. p_to and p_from say in words
-- where the loop goes and where it is; whoever is refused is told. Begun again towards the same place, it changes
-- nothing.
-- Locks: control, then the barrier of claims, to the end of the transaction: commit at once. Writes: ops_moves,
-- ops_pauses, ops_control, ops_audit_log. Raises: OP018 no place, or one with a password in it, or not read committed;
-- OP103 another move is in force; OP023 a pause, resume or kill is not committed yet.
declare
  v_move ops_moves;
  v_from text := coalesce(p_from, format('%s:%s/%s', coalesce(host(inet_server_addr()), 'localhost'),
                                         current_setting('port'), current_database()));
  v_fault text;
  v_calls jsonb;
begin
  perform _check_text('p_to', p_to, 500), _check_text('p_from', p_from, 500);
  v_fault := case when coalesce(p_to, '') = '' then 'p_to is empty'
                  when concat_ws(' ', p_to, p_from) ~* E'password\\s*=|://[^/@]*:[^/@]*@'
                    then 'there is a password in it' end;
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = format('OPS_018: the loop cannot move there: %s', v_fault),
      hint = 'Name the places for people, such as db2:5432/ops; every refused caller is told.';
  end if;
  v_move := _lock_move();
  if v_move.id is not null and v_move.ended_at is null then
    if v_move.to_place = p_to and v_move.phase in ('draining', 'closed') and _move_side(v_move) = 'source' then
      return _move_state(v_move) || '{"changed": false, "could_still_commit": []}';
    end if;
    perform _move_refused(v_move, 'begun', 'Go on with that one, or take it back: select fn_take_back_move();');
  end if;

  insert into ops_moves (id, phase, from_place, to_place, origin, begun_by, begun_login, reason, begun_at)
  values (gen_random_uuid(), 'draining', v_from, p_to, _database_identity(), coalesce(p_actor, session_user),
          session_user, p_reason, _now())
  returning * into v_move;
  insert into ops_pauses (scope, reason, paused_by, paused_login, paused_at)
  values ('move', 'the loop is moving to ' || p_to, v_move.begun_by, session_user, v_move.begun_at);
  update ops_control set updated_at = v_move.begun_at;
  v_calls := (select b.could_still_commit from _close_barriers(array['claims']) b);
  return _step_move(v_move, 'draining', p_actor, p_reason) || jsonb_build_object('could_still_commit', v_calls);
end;
$$;
comment on function fn_begin_move(text, text, text, text) is
  'Begins to move the loop to another server, as p_actor (default: the login): claims are refused (OPS_101), what runs '
  'goes on. p_to and p_from name the places in words, without a password. Returns the state of the move as '
  'fn_show_move does, with "changed" and "could_still_commit", the claims in flight that did not end within two '
  'seconds. OPS_018 bad argument, OPS_103 another move is in force, OPS_023 a pause, resume or kill is not committed '
  'yet.';
