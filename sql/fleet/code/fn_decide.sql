create or replace function fn_decide(p_decisions jsonb)
returns table (ord bigint, id uuid, ok boolean, status text, mission_id uuid, code text, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Decides on up to 200 proposals, each on the node that its id names; answered in the order given. Those of a node that
-- is away are answered with OPS_029: whether they were decided is not known. Those of a node that refuses its part when
-- others have decided theirs are answered with what it said.
-- Locks: none. Writes: what the nodes write. Raises: what the first node says of decisions that cannot be; OP089 when
-- there is no node.
#variable_conflict use_column
declare
  v_any constant integer := coalesce((_nodes())[1], (_any_nodes())[1]);
  v_nodes integer[];
  v_one record;
  v_rows jsonb := '[]';
  v_is_away boolean;
  v_message text;
  v_detail text;
  v_hint text;
begin
  -- What no node can be found for goes to any one, which refuses it.
  if jsonb_typeof(p_decisions) = 'array' then
    v_nodes := array(
      select coalesce((select n.node from fleet_nodes n
                        where n.status <> 'gone' and e ->> 'id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                          and n.node = get_byte(decode(right(e ->> 'id', 2), 'hex'), 0)), v_any)
        from jsonb_array_elements(p_decisions) with ordinality j (e, no) order by no);
  end if;
  for v_one in select s.* from _split_by_node(p_decisions, coalesce(nullif(v_nodes, '{}'), array[v_any])) s loop
    begin
      v_rows := v_rows || (
        select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('ord', v_one.places[r.ord])), '[]')
          from _at_decide(v_one.node, v_one.part) r);
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      v_is_away := _is_away(sqlstate, v_message);
      if v_rows = '[]' and not v_is_away then
        perform _node_fault(v_one.node, sqlstate, v_message, v_detail, v_hint);
      end if;
      v_rows := v_rows || (
        select jsonb_agg(jsonb_build_object(
                 'ord', p.place, 'ok', false,
                 'id', substring(p_decisions -> (p.place - 1)::integer ->> 'id' from '(?i)^[0-9a-f-]{36}$'),
                 'code', case when v_is_away then 'OPS_029' else _error_code(sqlstate) end,
                 'reason', case when v_is_away then format('node %s does not answer', v_one.node)
                                else _node_said(v_message) end))
          from unnest(v_one.places) p (place));
    end;
  end loop;
  return query
  select r.ord, r.id, r.ok, r.status, r.mission_id, r.code, r.reason
    from jsonb_to_recordset(v_rows) r (ord bigint, id uuid, ok boolean, status text, mission_id uuid, code text,
                                       reason text)
   order by r.ord;
end;
$$;
