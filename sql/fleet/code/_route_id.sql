create or replace function _route_id(p_id uuid)
returns integer
language plpgsql
stable
set search_path from current
as $$
-- The node that made an id: its last two hexadecimal digits.
-- Locks: none. Writes: nothing. Raises: OP012 when no node has that number, OP018 without an id.
declare
  v_node constant integer := get_byte(uuid_send(p_id), 15);
begin
  if v_node is null then
    raise exception using errcode = 'OP018', message = 'OPS_018: an id is needed',
      hint = 'It says which node is asked.';
  end if;
  if not exists (select from fleet_nodes n where n.node = v_node and n.status <> 'gone') then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: id %s is of node %s, which this fleet does not have', p_id, v_node),
      detail = jsonb_build_object('id', p_id, 'node', v_node)::text,
      hint = 'The last two digits of an id name its node; opsloop fleet status lists them.';
  end if;
  return v_node;
end;
$$;
