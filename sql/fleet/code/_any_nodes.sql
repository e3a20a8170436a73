create or replace function _any_nodes()
returns integer[]
language plpgsql
volatile
set search_path from current
as $$
-- The nodes that take new work, in an order by chance: the first is the one, the others stand in for it.
-- Locks: none. Writes: nothing. Raises: OP089 when there is none.
declare
  v_nodes integer[] := array(select n.node from fleet_nodes n where n.status = 'open'
                              order by n.fault is not null, random());
begin
  if v_nodes = '{}' then
    raise exception using errcode = 'OP089', message = 'OPS_089: the fleet has no node that takes new work',
      hint = 'opsloop fleet add adds one.';
  end if;
  return v_nodes;
end;
$$;
