create or replace function fn_fleet_add(p_node integer, p_dsn text, p_share numeric default null)
returns void
language plpgsql
security definer
set search_path from current
as $$
-- Adds a loop to the fleet, or changes how it is reached and what share it has. New keys go to it from then on, and
-- nothing else changes. The first one gives the fleet its policies. A node stays the loop that it was: one that no
-- front has told anything cannot have the work of one that was told.
-- Locks: fleet_nodes, exclusive, for which it waits until the calls through the front that go on have ended, five
-- seconds at most; fleet_state. Writes: fleet_nodes, fleet_state, fleet_policies. Raises: OP018, also when shares leave
-- a node nothing of the caps; OP029 when it does not answer, OP089 when the loop there is another one; 55P03 when a
-- call goes on for longer.
declare
  -- As libpq reads it: each word has a value. The front appends user and password, which a word without one would take
  -- for its value.
  c_dsn constant text := E'^(\\s*\\w+\\s*=\\s*(''([^''\\\\]|\\\\.)*''|([^''\\\\\\s]|\\\\.)+))+\\s*$';
  v_fault text;
  v_told bigint;
  v_says jsonb;
  v_message text;
  v_detail text;
  v_hint text;
begin
  v_fault := case
    when (p_node between 1 and 255) is not true then 'p_node is a whole number from 1 to 255'
    when not (p_share > 0 and p_share < 'Infinity') then 'p_share is a number above 0'
    when (p_dsn ~ c_dsn and p_dsn ~* E'\\mdbname\\s*=') is not true
         or p_dsn ~* E'\\m(user|\\w*password|passfile|service\\w*|\\w*secret)\\s*='
      then 'p_dsn must name a database, and no user or password' end;
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || v_fault,
      hint = 'p_dsn is such as host=… port=… dbname=…: the front logs in as the login that calls it.';
  end if;
  perform set_config('lock_timeout', '5s', true);
  lock table fleet_nodes in access exclusive mode;
  if exists (select from fleet_nodes n where n.node = p_node and n.status <> 'open') then
    raise exception using errcode = 'OP089', message = format('OPS_089: node %s drains, or is gone', p_node),
      hint = 'A number is used once: give the loop that comes another.';
  end if;
  update fleet_state s set layout = s.layout + 1
   where exists (select from fleet_routed r where r.layout = s.layout)
     and not exists (select from fleet_nodes n where n.node = p_node);
  v_told := (select n.generation from fleet_nodes n where n.node = p_node);
  insert into fleet_nodes as n (node, dsn, share, joined)
  select p_node, p_dsn, p_share, s.layout from fleet_state s
  on conflict (node) do update
    set dsn = excluded.dsn, share = coalesce(excluded.share, n.share), version = n.version + 1;
  perform _change();
  begin
    v_says := _at_node(p_node);
    if (v_says -> 'node')::integer <> p_node then
      raise exception using errcode = 'OP089',
        message = format('OPS_089: the loop there is node %s, not %s', v_says ->> 'node', p_node),
        hint = 'opsloop fleet add gives it its number; by psql, as its owner: select _set_node(number);';
    elsif v_told > 0 and (v_says -> 'generation')::bigint = 0 then
      raise exception using errcode = 'OP089',
        message = format('OPS_089: the loop there is not the one that node %s was', p_node),
        detail = jsonb_build_object('node', p_node, 'told', v_told)::text,
        hint = 'No front has told it anything yet. Give it a number of its own; opsloop fleet drain empties the other.';
    end if;
    if not exists (select from fleet_policies) then
      insert into fleet_policies (key, version, value, changed_by, updated_at)
      select l.key, 1, l.value, l.changed_by, l.updated_at from _at_list_policies(p_node) l;
    end if;
  exception when others or assert_failure then
    get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    perform _node_fault(p_node, sqlstate, v_message, v_detail, v_hint);
  end;
  perform _share_of(n.node, l.key, l.value) from fleet_nodes n, fn_list_policies() l where n.status <> 'gone';
end;
$$;
comment on function fn_fleet_add(integer, text, numeric) is
  'Adds the loop that p_dsn names (host, port, dbname; no user) to the fleet as p_node (1 to 255), or changes its dsn '
  'or its share of the proposal caps. New keys go to it from then on; nothing else changes. fn_fleet_sync then tells '
  'it. OPS_029 when it does not answer, OPS_089 when it has another number.';
