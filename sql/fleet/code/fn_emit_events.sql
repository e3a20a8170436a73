create or replace function fn_emit_events(p_events jsonb)
returns setof uuid
language plpgsql
security definer
set search_path from current
as $$
-- Emits a batch: each event on the node of its mission or its key, all others together on one. All or none holds on
-- each node, not between nodes; with dedupe keys the batch can be sent again. Ids come in the order of the batch.
-- Locks: as _route_key. Writes: what the nodes write. Raises: what they raise; OP029.
declare
  v_any constant integer := (_any_nodes())[1];
  v_nodes integer[];
  v_node integer;
  v_ids uuid[] := '{}';
  v_message text;
  v_detail text;
  v_hint text;
begin
  if jsonb_typeof(p_events) = 'array' then
    v_nodes := array(
      select case when e ->> 'mission_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    then _route_id((e ->> 'mission_id')::uuid)
                  when jsonb_typeof(e -> 'dedupe_key') = 'string' then _route_key('event', e ->> 'dedupe_key')
                  else v_any end
        from jsonb_array_elements(p_events) with ordinality j (e, no) order by no);
  end if;
  v_nodes := coalesce(nullif(v_nodes, '{}'), array[v_any]);
  for v_node in select distinct n from unnest(v_nodes) n order by n loop
    begin
      v_ids := v_ids || array(
        select i from _at_emit_events(v_node, case when jsonb_typeof(p_events) is distinct from 'array' then p_events
          else (select coalesce(jsonb_agg(e order by no), '[]')
                  from jsonb_array_elements(p_events) with ordinality j (e, no)
                 where v_nodes[no] = v_node) end) i);
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
    end;
  end loop;
  -- The k-th of a node's ids is that of its k-th event.
  return query
  select v_ids[row_number() over (order by n.node, n.no)]
    from unnest(v_nodes) with ordinality n (node, no)
   where v_ids <> '{}'
   order by n.no;
end;
$$;
