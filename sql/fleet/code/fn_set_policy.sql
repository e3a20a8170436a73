create or replace function fn_set_policy(
  p_key text,
  p_value jsonb,
  p_actor text default null,
  p_expected_version integer default null,
  p_reason text default null
)
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Puts a policy document in force on the fleet, node by node, and returns its version, which the front counts. The
-- first node judges it: when that refuses, nothing was changed anywhere. A node that cannot be told then is told by
-- fn_fleet_sync.
-- Locks: fleet_state. Writes: fleet_policies, fleet_state, and what the nodes write. Raises: OP011 when the version in
-- force is not the expected one; what the first node refuses; OP029 when none answers, as a warning when one does not.
declare
  v_current integer := coalesce((select max(p.version) from fleet_policies p where p.key = p_key), 0);
  v_nodes constant integer[] := _nodes();
  v_node integer;
  v_told integer := 0;
  v_not_told jsonb := '[]';
  v_message text;
  v_detail text;
  v_hint text;
begin
  perform _change();
  select coalesce(max(p.version), 0) into v_current from fleet_policies p where p.key = p_key;
  if v_current <> p_expected_version then
    raise exception using errcode = 'OP011',
      message = format('OPS_011: policy %s is at version %s, not %s', p_key, v_current, p_expected_version),
      detail = jsonb_build_object('key', p_key, 'version', v_current, 'expected_version', p_expected_version)::text,
      hint = 'Somebody else changed it. Read it again, make your change on top, and give its version.';
  end if;
  -- A node that its share of the caps leaves nothing could never be told, and would hand out nothing.
  perform _share_of(n, p_key, p_value) from unnest(v_nodes) n;
  foreach v_node in array v_nodes loop
    begin
      perform _at_set_policy(v_node, p_key, _share_of(v_node, p_key, p_value), p_actor, null, p_reason);
      v_told := v_told + 1;
    exception when others or assert_failure then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      if v_told = 0 and not _is_away(sqlstate, v_message) then
        perform _node_fault(v_node, sqlstate, v_message, v_detail, v_hint);
      end if;
      v_not_told := v_not_told || jsonb_build_object('node', v_node, 'sqlstate', sqlstate, 'said', v_message);
    end;
  end loop;
  if v_told = 0 then
    perform _warn_away(v_nodes, cardinality(v_nodes));
  end if;
  if (select p.value::text from fleet_policies p where p.key = p_key and p.version = v_current)
     is distinct from p_value::text then
    v_current := v_current + 1;
    insert into fleet_policies (key, version, value, changed_by, reason)
    values (p_key, v_current, p_value, coalesce(nullif(p_actor, ''), session_user), p_reason);
  end if;
  if v_not_told <> '[]' then
    perform _told('[]', v_not_told);
  end if;
  return v_current;
end;
$$;
