create or replace function _route_key(p_what text, p_key text, p_routing_key text default null)
returns integer
language plpgsql
volatile
set search_path from current
as $$
-- The node of a key: that with the highest hash of key and number among those that take new work, so that a new node
-- takes a part of the keys from each and moves nothing else. A key that was seen before stays where it is: nodes that
-- could have got it, since they joined before those that now come first or drain, are asked. The read lock on
-- fleet_nodes is kept until the transaction ends, and adding a node waits for it: nobody routes by the nodes of before
-- once somebody routes by those of now.
-- Locks: fleet_nodes, as a read does. Writes: fleet_routed, once in a layout. Raises: OP029 when a node that must be
-- asked is away, OP089 when none takes new work.
declare
  v_key constant text := coalesce(p_key, p_routing_key);
  v_home integer;
  v_older integer[];
  v_routed boolean;
  v_node integer;
begin
  if v_key is null then
    return null;
  end if;
  select (array_agg(o.node order by o.hash desc) filter (where o.is_open))[1],
         array_agg(o.node order by o.hash desc) filter (where o.first_joined is null or o.joined < o.first_joined),
         exists (select from fleet_routed r join fleet_state s on s.layout = r.layout)
    into v_home, v_older, v_routed
    from (select n.node, n.joined, n.status = 'open' as is_open, h.hash,
                 min(n.joined) over (order by h.hash desc rows between unbounded preceding and 1 preceding)
                   as first_joined
            from fleet_nodes n
           cross join lateral (select hashtextextended(v_key, n.node) as hash) h
           where n.status <> 'gone') o;
  if v_home is null then
    return (_any_nodes())[1];
  end if;
  if not v_routed then
    insert into fleet_routed (layout) select s.layout from fleet_state s on conflict do nothing;
  end if;
  if p_key is not null and v_older <> array[v_home] then
    foreach v_node in array array_remove(v_older, v_home) loop
      if _knows(v_node, p_what, p_key) then
        return v_node;
      end if;
    end loop;
  end if;
  return v_home;
end;
$$;
