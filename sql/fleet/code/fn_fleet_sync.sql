create or replace function fn_fleet_sync(p_actor text default null)
returns table (node integer, told boolean, generation bigint, fault text, fault_code text)
language plpgsql
security definer
set search_path from current
as $$
-- Tells each node what it missed: pauses, the kill switch and policies, as one call that it does whole or not at all;
-- only then does a node whose server has started hand out work. Those that missed nothing are only asked. It waits for
-- no pause on the front: what changes meanwhile is told by the next one.
-- Locks: rows of fleet_nodes. Writes: fleet_nodes, and what the nodes write. Raises: nothing.
declare
  v_node integer;
  v_says jsonb;
  v_state jsonb;
begin
  foreach v_node in array _nodes() loop
    node := v_node;
    begin
      v_says := _at_node(v_node);
      if (v_says -> 'node')::integer <> v_node then
        raise exception using errcode = 'OP089',
          message = format('OPS_089: the loop there is node %s', v_says ->> 'node');
      end if;
      v_state := _state_for(v_node);
      told := (v_says -> 'waits')::boolean or (v_says -> 'generation')::bigint < (v_state -> 'generation')::bigint
              or (v_state -> 'kill_missed')::boolean;
      if told then
        v_says := _at_tell_node(v_node, v_state, coalesce(p_actor, session_user));
      end if;
      generation := (v_says -> 'generation')::bigint;
      fault := null;
      fault_code := null;
      perform _was_told(v_node, null, (v_state -> 'kills')::integer, generation);
    exception when others or assert_failure then
      told := false;
      generation := null;
      fault := sqlerrm;
      fault_code := _fault_code(sqlstate, sqlerrm);
      perform _was_told(v_node, fault, p_fault_code => fault_code);
    end;
    return next;
  end loop;
end;
$$;
comment on function fn_fleet_sync(text) is
  'Tells each node of the fleet the pauses, the kill switch and the policies that it missed, as p_actor; a node whose '
  'server has started hands out no work before. To be called every few seconds (opsloop fleet sync). fault: why one '
  'could not be told, fault_code: its SQLSTATE (OP029: it does not answer).';
