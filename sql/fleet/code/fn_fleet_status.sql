create or replace function fn_fleet_status()
returns table (node integer, status text, reached boolean, release text, behind boolean, waits boolean, killed boolean,
               open bigint, share numeric, ms numeric, dsn text, fault text, answered_at timestamptz, fault_code text)
language plpgsql
security definer
set search_path from current
as $$
-- Every node of the fleet, asked now: whether it answers and how fast, what it runs, whether it was told the latest
-- (behind) and waits for it, and how much is open there, as fn_fleet_drain counts it.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_one record;
  v_says jsonb;
  v_start timestamptz;
begin
  for v_one in
    select n.*, s.generation as wanted from fleet_nodes n, fleet_state s where n.status <> 'gone' order by n.node
  loop
    node := v_one.node;
    status := v_one.status;
    share := v_one.share;
    dsn := v_one.dsn;
    fault := v_one.fault;
    fault_code := v_one.fault_code;
    answered_at := v_one.answered_at;
    release := null;
    behind := null;
    waits := null;
    killed := null;
    open := null;
    ms := null;
    v_start := clock_timestamp();
    begin
      v_says := _at_node(v_one.node);
      ms := round(1000 * extract(epoch from clock_timestamp() - v_start), 1);
      open := _open_count(_at_open(v_one.node));
      reached := (v_says -> 'node')::integer = v_one.node;
      release := v_says ->> 'release';
      behind := (v_says -> 'generation')::bigint < v_one.wanted;
      waits := (v_says -> 'waits')::boolean;
      killed := (v_says -> 'killed')::boolean;
      if not reached then
        fault := format('the loop there is node %s', v_says ->> 'node');
        fault_code := 'OP089';
      end if;
    exception when others or assert_failure then
      reached := false;
      fault := sqlerrm;
      fault_code := _fault_code(sqlstate, sqlerrm);
    end;
    return next;
  end loop;
end;
$$;
comment on function fn_fleet_status() is
  'Every node of the fleet, asked now: open, draining or gone; whether it answers (reached), what it runs, whether it '
  'was not told the latest (behind) and hands out nothing until it is (waits), and how much is open there: missions, '
  'proposals, events and reactions that wait, messages that were not delivered. fault_code: the SQLSTATE of fault.';
