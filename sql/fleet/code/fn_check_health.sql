create or replace function fn_check_health()
returns table (name text, status text, value text, threshold text, hint text)
language plpgsql
security definer
set search_path from current
as $$
-- Whether the fleet is well: first the nodes themselves, then each check of a loop, in its order, as the node has it
-- that is worst off.
-- Locks: none. Writes: nothing. Raises: nothing.
#variable_conflict use_column
declare
  v_rows jsonb := '[]';
  v_node integer;
begin
  return query
  select 'fleet nodes', case when bool_or(not f.reached) then 'fail' when bool_or(f.waits or f.behind) then 'warn'
                             else 'ok' end,
         coalesce(string_agg(format('node %s %s', f.node,
                                    case when not f.reached then 'does not answer'
                                         when f.waits then 'hands out nothing until it is told'
                                         when f.behind then 'is behind' end), ', ' order by f.node)
                    filter (where not f.reached or f.waits or f.behind), 'all answer'),
         'does not answer: fail; waits or was not told the latest: warn',
         case when bool_or(not f.reached or f.waits or f.behind)
              then 'opsloop fleet status shows why; opsloop fleet sync tells those that answer.' end
    from fn_fleet_status() f;
  foreach v_node in array _nodes() loop
    begin
      v_rows := v_rows || (
        select jsonb_agg(to_jsonb(h) || jsonb_build_object('node', v_node, 'no', h.no))
          from (select c.*, row_number() over () as no from _at_check_health(v_node) c) h);
    exception when others or assert_failure then
      if not _is_away(sqlstate, sqlerrm) then
        raise;
      end if;
    end;
  end loop;
  return query
  select w.name, w.status, format('node %s: %s', w.node, w.value), w.threshold, w.hint
    from (select distinct on (r.name) r.*
            from jsonb_to_recordset(v_rows) r (name text, status text, value text, threshold text, hint text,
                                               node integer, no integer)
           order by r.name, array_position(array['fail', 'warn', 'ok'], r.status), r.node) w
   order by w.no;
end;
$$;
