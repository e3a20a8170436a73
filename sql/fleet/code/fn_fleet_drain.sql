create or replace function fn_fleet_drain(p_node integer, p_finish boolean default false)
returns bigint
language plpgsql
security definer
set search_path from current
as $$
-- A node gets no new keys any more and finishes what it has; when nothing is open there, p_finish takes it out. Returns
-- what is open.
-- Locks: fleet_nodes, exclusive, as fn_fleet_add. Writes: fleet_nodes, fleet_state. Raises: OP012, OP029, OP089 when
-- something is open yet.
declare
  v_kinds jsonb;
  v_open bigint;
  v_message text;
begin
  perform set_config('lock_timeout', '5s', true);
  lock table fleet_nodes in access exclusive mode;
  update fleet_nodes n set status = 'draining' where n.node = p_node and n.status <> 'gone';
  if not found then
    raise exception using errcode = 'OP012', message = format('OPS_012: the fleet has no node %s', p_node),
      hint = 'opsloop fleet status lists them.';
  end if;
  begin
    v_kinds := _at_open(p_node);
    v_open := _open_count(v_kinds);
  exception when others or assert_failure then
    get stacked diagnostics v_message = message_text;
    if p_finish or not _is_away(sqlstate, v_message) then
      perform _node_fault(p_node, sqlstate, v_message, null, null);
    end if;
  end;
  if p_finish then
    if v_open > 0 then
      raise exception using errcode = 'OP089',
        message = format('OPS_089: on node %s %s are open yet: %s', p_node, v_open,
                         (select string_agg(e.value || ' ' || e.key, ', ' order by e.key)
                            from jsonb_each_text(v_kinds) e where e.value <> '0')),
        detail = (jsonb_build_object('node', p_node, 'open', v_open) || v_kinds)::text,
        hint = 'Its workers finish them; opsloop fleet status shows what is left.';
    end if;
    update fleet_nodes n set status = 'gone' where n.node = p_node;
    perform _change();
  end if;
  return v_open;
end;
$$;
comment on function fn_fleet_drain(integer, boolean) is
  'Gives a node no new keys any more, and returns how much is open there: missions, proposals, events and reactions '
  'that wait, messages that were not delivered (null: it does not answer); with p_finish, when nothing is, takes it '
  'out of the fleet: its ids are then no longer found. OPS_089 when something is open; its detail counts each kind.';
