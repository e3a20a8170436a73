create or replace function fn_create_proposals(p_proposals jsonb)
returns table (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Proposes a batch: each on the node of its key, those without one together on one. All or none holds on each node, not
-- between nodes; with dedupe keys the batch can be sent again. Rows come in the order of the batch.
-- Locks: as _route_key. Writes: what the nodes write. Raises: what they raise; OP029.
#variable_conflict use_column
declare
  v_any constant integer := (_any_nodes())[1];
  v_nodes integer[];
  v_one record;
  v_rows jsonb := '[]';
  v_message text;
  v_detail text;
  v_hint text;
begin
  if jsonb_typeof(p_proposals) = 'array' then
    v_nodes := array(
      select case when jsonb_typeof(e -> 'dedupe_key') = 'string' then _route_key('proposal', e ->> 'dedupe_key')
                  else v_any end
        from jsonb_array_elements(p_proposals) with ordinality j (e, no) order by no);
  end if;
  for v_one in select s.* from _split_by_node(p_proposals, coalesce(nullif(v_nodes, '{}'), array[v_any])) s loop
    begin
      v_rows := v_rows || (
        select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('ord', v_one.places[r.ord])), '[]')
          from _at_create_proposals(v_one.node, v_one.part) r);
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      perform _node_fault(v_one.node, sqlstate, v_message, v_detail, v_hint);
    end;
  end loop;
  return query
  select r.ord, r.proposal_id, r.status, r.mission_id, r.reason
    from jsonb_to_recordset(v_rows) r (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
   order by r.ord;
end;
$$;
