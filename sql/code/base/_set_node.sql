create or replace function _set_node(p_node integer)
returns void
language plpgsql
set search_path from current
as $$
-- Gives this loop its number in a fleet; plans made with the old one are made anew. The owner's alone, as it writes
-- _node(). A loop that has work keeps its number: ids are found by it.
-- Locks: ops_control. Writes: ops_control, the routine _node(), the row of the schema. Raises: OP018, OP089 for a loop
-- that has work, or is another node already.
begin
  if p_node is null or p_node not between 0 and 255 then
    raise exception using errcode = 'OP018', message = format('OPS_018: a loop cannot be node %s', p_node),
      hint = '1 to 255, or 0 for a loop by itself: the number is two hexadecimal digits of each id.';
  end if;
  if exists (select from ops_control c where c.node <> p_node)
     and (exists (select from ops_mission_proposals)
          or exists (select from ops_agent_events e where e.type not like 'heartbeat:%')) then
    raise exception using errcode = 'OP089',
      message = format('OPS_089: a loop that has work cannot become node %s', p_node),
      hint = 'Its ids end with another number. Let it finish beside the fleet, and add a new loop.';
  end if;
  if exists (select from ops_control c where c.node not in (0, p_node) and p_node <> 0 and c.told <> '{}') then
    raise exception using errcode = 'OP089',
      message = format('OPS_089: this loop is node %s of a fleet already, and cannot become node %s', _node(), p_node),
      hint = 'A loop is one node. Where it has left its fleet: select _set_node(0); first.';
  end if;
  update ops_control c set node = p_node, told = '{}', told_server_start = null where c.node <> p_node;
  execute format(
    'create or replace function _node() returns integer language sql immutable parallel safe as %L',
    replace((select p.prosrc from pg_proc p where p.oid = '_node()'::regprocedure),
            format('select %s;', _node()), format('select %s;', p_node)));
  -- A plan does not depend on a routine whose constant it holds. It does depend on the schema: where its row is written
  -- anew, even as it was, every session plans anew.
  execute format('grant usage on schema %I to %I', current_schema(),
                 (select pg_get_userbyid(n.nspowner) from pg_namespace n where n.nspname = current_schema()));
end;
$$;
