-- Makes the functions that routes.sql names: of each the public one, with the signature that it has on the nodes and
-- the body of its route, and _at_… in PL/Proxy, which runs it on the node that its first argument names. Of those that
-- run on all nodes _all_… has the rows of every node that answers.
do $make$
declare
  -- What PL/Proxy raises is raised again as the node said it.
  c_fault constant text := $body$
exception when others or assert_failure then
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
end;$body$;
  c_caught constant text := $body$
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
$body$;
  c_words constant text := $body$
  v_message text;
  v_detail text;
  v_hint text;
begin$body$;
  v_faults text;
  v_one record;
  v_proc record;
  v_at text;
  v_all text;
  v_do text;
  v_body text;
begin
  select string_agg(coalesce(s.name, r.name), ', ') into v_faults
    from fleet_signatures s full join fleet_routes r using (name)
   where r.name is null or s.name is null
      or r.route = 'front' and to_regprocedure(format('%s(%s)', r.name, s.types)) is null;
  if v_faults is not null then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: sql/fleet/routes.sql and the functions of a loop do not fit', detail = v_faults,
      hint = 'Say there how each is routed, or why not.';
  end if;

  for v_one in
    select r.*, s.arguments, s.result, s.types, substr(r.name, 4) as stem
      from fleet_routes r join fleet_signatures s using (name)
     order by r.name
  loop
    v_at := '_at_' || v_one.stem;
    v_all := '_all_' || v_one.stem;
    -- The public one first, empty: the catalogue then says what its arguments and its result are.
    if v_one.route <> 'front' then
      execute format('create or replace function %s(%s%s) returns %s language plpgsql as %L', v_one.name,
                     v_one.arguments, case v_one.route when 'key' then ', p_routing_key text default null' else '' end,
                     v_one.result, 'begin end;');
    end if;
    select p.oid, p.proretset as set, pg_get_function_result(p.oid) as result, a.names, a.typed,
           -- By name: a node of a newer release may have more of them.
           (select string_agg(quote_ident(p.proargnames[m.no]), ', ' order by m.no)
              from unnest(p.proargmodes) with ordinality m (mode, no) where m.mode = 't') as columns
      into v_proc
      from pg_proc p
     cross join lateral (
       select coalesce(string_agg(p.proargnames[t.no], ', ' order by t.no), '') as names,
              coalesce(string_agg(format(', %I %s', p.proargnames[t.no], format_type(t.type, null)), ''
                                  order by t.no), '') as typed
         from unnest(p.proargtypes) with ordinality t (type, no)
        where p.proargnames[t.no] <> 'p_routing_key') a
     where p.pronamespace = quote_ident(current_schema())::regnamespace and p.proname = v_one.name;
    v_do := format(case when v_proc.set then E'return query select * from %s(v_node%s);'
                        else 'return %s(v_node%s);' end, v_at, ', ' || nullif(v_proc.names, ''));

    if v_one.route in ('id', 'digits', 'key', 'any', 'all', 'spend', 'told') or v_one.how ~ '^at'
       or v_one.name in ('fn_node', 'fn_tell_node', 'fn_list_policies') then
      execute format('create or replace function %s(p_node integer%s) returns %s language plproxy as %L',
                     v_at, v_proc.typed, v_proc.result,
                     format('cluster %I._fleet_server(p_node); run on 0; select %s %I.%s(%s);', current_schema(),
                            case when v_proc.set then coalesce(v_proc.columns, '*') || ' from' else '' end,
                            current_schema(), v_one.name, v_proc.names));
    end if;
    if v_one.route = 'all' or v_one.how = 'at all' then
      execute format('create or replace function %s(%s) returns %s%s language plpgsql as %L',
        v_all, substr(v_proc.typed, 3), case when v_proc.set then '' else 'setof ' end, v_proc.result, format($body$
declare
  v_nodes constant integer[] := _nodes(%s);
  v_away integer[] := '{}';
  v_node integer;%s
  foreach v_node in array v_nodes loop
    begin
      return query select %s %s(v_node%s);%s
      if not _is_away(sqlstate, v_message) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
      v_away := v_away || v_node;
    end;
  end loop;
  if v_away <> '{}' then
    perform _warn_away(v_away, cardinality(v_nodes), v_message);
  end if;
end;$body$, case when v_one.arg is not null
                 then format('case when %s is not null then _route_id(%1$s) end', v_one.arg) end,
            c_words, case when v_proc.set then '* from' else '' end, v_at, ', ' || nullif(v_proc.names, ''), c_caught));
    end if;

    v_body := case v_one.route
      when 'id' then E'\ndeclare\n  v_node constant integer := _route_id(' || v_one.arg || ');' || c_words
                     || E'\n  ' || v_do || c_fault
      when 'digits' then E'\ndeclare\n  v_node constant integer := _route_digits(' || v_one.arg || ');' || c_words
                         || E'\n  ' || v_do || c_fault
      when 'key' then format($body$
declare
  v_nodes integer[] := array[%s];
  v_node integer;%s
  if v_nodes[1] is null then
    v_nodes := _any_nodes();
  end if;
  foreach v_node in array v_nodes loop
    begin
      %s
      return;%s
      if v_node = v_nodes[cardinality(v_nodes)]
         or not (_was_not_sent(v_message) or sqlstate in ('OP101', 'OP102')) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
    end;
  end loop;
end;$body$,
        case when v_proc.names ~ '\mp_mission_id\M'
             then format('case when p_mission_id is not null then _route_id(p_mission_id) '
                         'else _route_key(%L, %s, p_routing_key) end', v_one.how, v_one.arg)
             else format('_route_key(%L, %s, p_routing_key)', v_one.how, v_one.arg) end, c_words, v_do, c_caught)
      when 'any' then format($body$
declare
  v_nodes constant integer[] := _any_nodes();
  v_node integer;%s
  foreach v_node in array v_nodes loop
    begin
      %s
      return;%s
      if v_node = v_nodes[cardinality(v_nodes)] or not _is_away(sqlstate, v_message) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
    end;
  end loop;
end;$body$, c_words, v_do, c_caught)
      when 'all' then format(case when v_proc.set then $body$
begin
  return query with a as materialized (select * from %s(%s)) %s;
end;$body$ else $body$
begin
  return (with a as materialized (select * from %s(%s)) %s);
end;$body$ end, v_all, v_proc.names,
        -- With a limit of 0 nothing would be run, and no node could refuse it.
        replace(v_one.how, 'limit p_limit', 'limit case when p_limit < 1 then 1 else p_limit end'))
      when 'spend' then format($body$
declare
  v_left integer := p_limit;
  v_found bigint;
  v_away integer[] := '{}';
  v_said text;
  v_node integer;%s
  foreach v_node in array _nodes() loop
    begin
      return query select * from %s(v_node, %s);
      get diagnostics v_found = row_count;
      v_left := v_left - v_found;%s
      if _is_away(sqlstate, v_message) then
        v_away := v_away || v_node;
        v_said := v_message;
      elsif v_left is not distinct from p_limit then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      else
        -- What others have done is done.
        raise warning using errcode = 'OP029', detail = jsonb_build_object('nodes', array[v_node])::text,
          message = format('OPS_029: without node %%s, which refuses: %%s', v_node, _node_said(v_message));
      end if;
    end;
    exit when v_left <= 0;
  end loop;
  if v_away <> '{}' then
    perform _warn_away(v_away, cardinality(_nodes()), v_said);
  end if;
end;$body$, c_words, v_at, regexp_replace(v_proc.names, '\mp_limit\M', 'v_left'), c_caught)
      when 'told' then format($body$
declare
  v_told jsonb := '[]';
  v_not_told jsonb := '[]';
  v_node integer;%s
  foreach v_node in array %s loop
    begin
      v_told := v_told || jsonb_build_array(jsonb_build_object('node', v_node) || %s(v_node, %s));
      perform _was_told(v_node%s);%s
      -- What is no fault of the node, or concerns it alone, is not written down; what others have done is.
      if v_told = '[]' and (sqlstate ~ '^(22|28|42|OP01[258]|OP083)'%s) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
      perform _was_told(v_node, v_message, p_fault_code => _fault_code(sqlstate, v_message));
      v_not_told := v_not_told || jsonb_build_object('node', v_node, 'sqlstate', sqlstate, 'said', v_message);
    end;
  end loop;
  return _told(v_told, v_not_told);
end;$body$, c_words, v_one.how, v_at, v_proc.names,
            case v_one.name when 'fn_kill_switch' then ', null, (select s.kills from fleet_state s)' else '' end,
            c_caught, case v_one.name when 'fn_kill_switch' then '' else ' or p_scope = ''mission''' end)
      when 'node' then format($body$
begin
  raise exception using errcode = 'OP089', message = 'OPS_089: %s is not called on the front of a fleet',
    detail = jsonb_build_object('function', '%s')::text, hint = %L;
end;$body$, v_one.name, v_one.name, 'Connect to the node: ' || v_one.how || '.')
      end;
    if v_one.route <> 'front' then
      if not v_proc.set then
        v_body := replace(v_body, E'\n      return;', '');
      end if;
      execute format('create or replace function %s(%s%s) returns %s language plpgsql security definer'
                     ' set search_path from current as %L', v_one.name, v_one.arguments,
                     case v_one.route when 'key' then ', p_routing_key text default null' else '' end,
                     v_one.result, E'\n#variable_conflict use_column' || v_body);
    end if;
    execute format('comment on function %s is %L', v_proc.oid::regprocedure,
      case v_one.route
        when 'id' then format('As on a loop, on the node that %s names.', v_one.arg)
        when 'digits' then format('As on a loop, on the node that the last digits of %s name.', v_one.arg)
        when 'key' then format('As on a loop, on the node of %s, else of p_routing_key, else on any.', v_one.arg)
        when 'any' then 'As on a loop, on any node.'
        when 'all' then 'As on a loop, for all nodes; a warning (OPS_029) names those that do not answer.'
        when 'spend' then 'As on a loop, on one node after the other, up to p_limit in all.'
        when 'told' then 'As on a loop, on every node, written down for those that do not answer (not_told).'
        when 'node' then format('Not on the front (OPS_089): %s.', v_one.how)
        else 'As on a loop, for the fleet.' end);
  end loop;

  execute format('create or replace function _at_knows(p_node integer, p_what text, p_key text) returns boolean'
                 ' language plproxy as %L', format(
    'cluster %1$I._fleet_server(p_node); run on 0; select case p_what when ''event'' then exists (select from'
    ' %1$I.ops_agent_events e where e.dedupe_key = p_key) else exists (select from %1$I.ops_mission_proposals p'
    ' where p.dedupe_key = p_key) end;', current_schema()));
  -- Whatever the node has still to do: an event that is not processed yet may become a mission.
  execute format('create or replace function _at_open(p_node integer) returns jsonb language plproxy as %L', format(
    'cluster %1$I._fleet_server(p_node); run on 0; select jsonb_build_object('
    '''missions'', (select count(*) from %1$I.ops_missions m where m.status in (''approved'', ''running'')),'
    ' ''proposals'', (select count(*) from %1$I.ops_mission_proposals p where p.status in (''pending'', ''voting'')),'
    ' ''events'', h.unprocessed_events, ''reactions'', h.queued_reactions + h.processing_reactions,'
    ' ''messages'', (select count(*) from %1$I.outbox o where o.processed_at is null and not o.dead))'
    ' from %1$I.fn_health() h;', current_schema()));

  -- What PL/Proxy asks for each cluster, by these names.
  execute format($f$
    create or replace function plproxy.get_cluster_version(p_cluster text) returns integer language sql stable
    as 'select %1$I._server_version(p_cluster)';
    create or replace function plproxy.get_cluster_partitions(p_cluster text) returns setof text language sql stable
    as 'select %1$I._server_dsn(p_cluster)';
    create or replace function plproxy.get_cluster_config(p_cluster text, out key text, out val text)
    returns setof record language sql stable as 'select ''connection_lifetime'', ''1800''';
    comment on function plproxy.get_cluster_version(text) is %2$L;
    revoke all on function plproxy.get_cluster_version(text), plproxy.get_cluster_partitions(text),
      plproxy.get_cluster_config(text) from public$f$,
    current_schema(), 'opsloop fleet of schema ' || current_schema());
end;
$make$;
