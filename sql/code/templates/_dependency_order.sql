create or replace function _dependency_order(p_count integer, p_from integer[], p_to integer[])
returns table (node integer, component integer)
language plpgsql
immutable
set search_path from current
as $$
-- The nodes 1…p_count of a graph, each after those it depends on (edge i: p_from[i] depends on p_to[i]), with the
-- number of its strongly connected component: nodes that share one form a cycle. Tarjan's algorithm without recursion,
-- so that its cost grows with nodes plus edges and a chain of any length is safe.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_edges integer[];                                           -- targets, sorted by source
  v_next integer[] := array_fill(1, array[p_count + 1]);       -- first edge of a node that was not followed yet
  v_end integer[] := array_fill(0, array[p_count]);            -- last edge of a node
  v_seen integer[] := array_fill(0, array[p_count]);           -- order of discovery, 0 before it
  v_low integer[] := array_fill(0, array[p_count]);            -- earliest node reachable
  v_open boolean[] := array_fill(false, array[p_count]);       -- not in a finished component
  v_path integer[] := array_fill(0, array[p_count]);           -- nodes being visited
  v_depth integer := 0;
  v_waiting integer[] := array_fill(0, array[p_count]);        -- nodes seen, component unknown
  v_waiting_count integer := 0;
  v_counter integer := 0;
  v_degree integer;
  v_at integer;
  v_to integer;
begin
  component := 0;
  select array_agg(e.t order by e.f) into v_edges from unnest(p_from, p_to) e (f, t);
  v_at := 0;
  for v_to, v_degree in
    select n, count(e.f)::integer from generate_series(1, p_count) n left
      join unnest(p_from) e (f) on e.f = n group by n order by n
  loop
    v_next[v_to] := v_at + 1;
    v_at := v_at + v_degree;
    v_end[v_to] := v_at;
  end loop;

  for v_root in 1 .. p_count loop
    continue when v_seen[v_root] > 0;
    v_to := v_root;
    loop
      if v_to is not null then
        v_counter := v_counter + 1;
        v_seen[v_to] := v_counter;
        v_low[v_to] := v_counter;
        v_open[v_to] := true;
        v_waiting_count := v_waiting_count + 1;
        v_waiting[v_waiting_count] := v_to;
        v_depth := v_depth + 1;
        v_path[v_depth] := v_to;
        v_to := null;
      end if;
      v_at := v_path[v_depth];

      if v_next[v_at] <= v_end[v_at] then
        v_to := v_edges[v_next[v_at]];
        v_next[v_at] := v_next[v_at] + 1;
        if v_seen[v_to] > 0 then
          if v_open[v_to] and v_seen[v_to] < v_low[v_at] then
            v_low[v_at] := v_seen[v_to];
          end if;
          v_to := null;
        end if;
      else
        if v_low[v_at] = v_seen[v_at] then
          component := component + 1;
          loop
            node := v_waiting[v_waiting_count];
            v_waiting_count := v_waiting_count - 1;
            v_open[node] := false;
            return next;
            exit when node = v_at;
          end loop;
        end if;
        v_depth := v_depth - 1;
        exit when v_depth = 0;
        if v_low[v_at] < v_low[v_path[v_depth]] then
          v_low[v_path[v_depth]] := v_low[v_at];
        end if;
      end if;
    end loop;
  end loop;
end;
$$;
