create or replace function _change()
returns bigint
language plpgsql
set search_path from current
as $$
-- One pause, resume, kill, policy or layout at a time: what the nodes are to be told is now another.
-- Locks: fleet_state, to the end of the transaction; waits two seconds at most. Writes: fleet_state. Raises: OP023.
declare
  v_generation bigint;
  v_patience constant text := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '2s', true);
  update fleet_state set generation = generation + 1 returning generation into v_generation;
  perform set_config('lock_timeout', v_patience, true);
  return v_generation;
exception when lock_not_available then
  raise exception using errcode = 'OP023',
    message = 'OPS_023: another session has paused, resumed, killed or set a policy and has not yet committed',
    hint = 'It may wait for a node that hangs: select pid, query_start, query from pg_stat_activity where query ~ '
           '''fn_''; then select pg_terminate_backend(pid); and call again.';
end;
$$;
