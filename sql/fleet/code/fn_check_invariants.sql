create or replace function fn_check_invariants(
  p_part text default null,
  p_limit integer default null,
  p_after uuid default null
)
returns table (invariant text, subject text, detail text)
language plpgsql
security definer
set search_path from current
as $$
-- What is broken on any node; subject begins with the node. A node that does not answer is a row of its own: it is not
-- known to be sound. With p_after only the node of that id is checked.
-- Locks: none. Writes: nothing. Raises: what a node raises.
declare
  v_node integer;
  v_message text;
  v_detail text;
  v_hint text;
begin
  foreach v_node in array _nodes(case when p_after is not null then _route_id(p_after) end) loop
    begin
      return query
      select c.invariant, format('node %s: %s', v_node, c.subject), c.detail
        from _at_check_invariants(v_node, p_part, p_limit, p_after) c;
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      if not _is_away(sqlstate, v_message) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
      invariant := 'fleet: every node answers';
      subject := format('node %s', v_node);
      detail := v_message;
      return next;
    end;
  end loop;
end;
$$;
