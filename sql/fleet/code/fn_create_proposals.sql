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
  v_node integer;
  v_part jsonb;
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
  v_nodes := coalesce(nullif(v_nodes, '{}'), array[v_any]);
  for v_node in select distinct n from unnest(v_nodes) n order by n loop
    v_part := case when jsonb_typeof(p_proposals) is distinct from 'array' then p_proposals
                   else (select coalesce(jsonb_agg(e order by no), '[]')
                           from jsonb_array_elements(p_proposals) with ordinality j (e, no)
                          where v_nodes[no] = v_node) end;
    begin
      v_rows := v_rows || (
        select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('ord', w.no)), '[]')
          from _at_create_proposals(v_node, v_part) r
          join (select n.no, row_number() over (order by n.no) as nth
                  from unnest(v_nodes) with ordinality n (node, no)
                 where n.node = v_node) w on w.nth = r.ord);
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
    end;
  end loop;
  return query
  select r.ord, r.proposal_id, r.status, r.mission_id, r.reason
    from jsonb_to_recordset(v_rows) r (ord bigint, proposal_id uuid, status text, mission_id uuid, reason text)
   order by r.ord;
end;
$$;
