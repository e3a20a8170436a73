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
  v_one record;
  v_ids uuid[] := '{}';
  v_places bigint[] := '{}';
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
  for v_one in select s.* from _split_by_node(p_events, coalesce(nullif(v_nodes, '{}'), array[v_any])) s loop
    begin
      v_ids := v_ids || array(select i from _at_emit_events(v_one.node, v_one.part) i);
      v_places := v_places || v_one.places;
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      perform _node_fault(v_one.node, sqlstate, v_message, v_detail, v_hint);
    end;
  end loop;
  return query
  select i.id from unnest(v_ids, v_places) i (id, place) where i.id is not null order by i.place;
end;
$$;
