create or replace function _too_many_events(p_ids uuid[], p_patterns jsonb)
returns uuid[]
language plpgsql
stable
set search_path from current
as $$
-- Those of these events that are left for a later call, as the reactions of the ones before them may hold 16 MiB
-- already: the data of an event for each pattern that reacts to it. Null when there are none; the first never is one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_enough constant bigint := 16 * 1024 * 1024;
  v_sizes bigint[];
  v_times integer[];
begin
  select array_agg(octet_length(e.data::text)::bigint order by n.nth) into v_sizes
    from unnest(p_ids) with ordinality n (id, nth)
   cross join lateral (select t.data from ops_agent_events t where t.id = n.id limit 1) e;
  if (select sum(s) from unnest(v_sizes) s) * jsonb_array_length(p_patterns) <= c_enough then
    return null;
  end if;
  begin
    select array_agg(coalesce(m.times, 0) order by n.nth) into v_times
      from unnest(p_ids) with ordinality n (id, nth)
      left join (select p.event_id, count(*)::integer as times
                   from _matching_patterns(p_ids, p_patterns, true) p group by p.event_id) m on m.event_id = n.id;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    v_times := array_fill(jsonb_array_length(p_patterns), array[cardinality(p_ids)]);
  end;
  return (select array_agg(b.id order by b.nth)
            from (select n.id, n.nth,
                         sum(n.size * n.times) over (order by n.nth rows between unbounded preceding and 1 preceding)
                           as before
                    from unnest(p_ids, v_sizes, v_times) with ordinality n (id, size, times, nth)) b
           where b.before >= c_enough);
end;
$$;
