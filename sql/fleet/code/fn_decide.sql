create or replace function fn_decide(p_decisions jsonb)
returns table (ord bigint, id uuid, ok boolean, status text, mission_id uuid, code text, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Decides on up to 200 proposals, each on the node that its id names; answered in the order given. Those of a node that
-- is away are answered with OPS_029: whether they were decided is not known.
-- Locks: none. Writes: what the nodes write. Raises: what a node says of decisions that cannot be.
#variable_conflict use_column
declare
  v_nodes integer[];
  v_node integer;
  v_part jsonb;
  v_rows jsonb := '[]';
  v_message text;
  v_detail text;
  v_hint text;
begin
  -- What no node can be found for goes to any one, which refuses it.
  if jsonb_typeof(p_decisions) = 'array' then
    v_nodes := array(
      select coalesce((select n.node from fleet_nodes n
                        where n.status <> 'gone' and e ->> 'id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                          and n.node = get_byte(decode(right(e ->> 'id', 2), 'hex'), 0)), (_nodes())[1])
        from jsonb_array_elements(p_decisions) with ordinality j (e, no) order by no);
  end if;
  v_nodes := coalesce(nullif(v_nodes, '{}'), (_nodes())[1:1]);
  for v_node in select distinct n from unnest(v_nodes) n order by n loop
    v_part := case when jsonb_typeof(p_decisions) is distinct from 'array' then p_decisions
                   else (select coalesce(jsonb_agg(e order by no), '[]')
                           from jsonb_array_elements(p_decisions) with ordinality j (e, no)
                          where v_nodes[no] = v_node) end;
    begin
      v_rows := v_rows || (
        select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('ord', w.no)), '[]')
          from _at_decide(v_node, v_part) r
          join (select n.no, row_number() over (order by n.no) as nth
                  from unnest(v_nodes) with ordinality n (node, no)
                 where n.node = v_node) w on w.nth = r.ord);
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      if not _is_away(sqlstate, v_message) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
      v_rows := v_rows || (
        select jsonb_agg(jsonb_build_object(
                 'ord', n.no, 'id', p_decisions -> (n.no - 1)::integer ->> 'id', 'ok', false, 'code', 'OPS_029',
                 'reason', format('node %s does not answer', v_node)))
          from unnest(v_nodes) with ordinality n (node, no)
         where n.node = v_node);
    end;
  end loop;
  return query
  select r.ord, r.id, r.ok, r.status, r.mission_id, r.code, r.reason
    from jsonb_to_recordset(v_rows) r (ord bigint, id uuid, ok boolean, status text, mission_id uuid, code text,
                                       reason text)
   order by r.ord;
end;
$$;
