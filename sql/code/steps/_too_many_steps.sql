create or replace function _too_many_steps(p_step_ids uuid[], p_enough bigint)
returns uuid[]
language plpgsql
stable
set search_path from current
as $$
-- Those of these queued steps that are left for a later claim, as the params of the ones before them have p_enough
-- bytes already. Null when there are none; the first never is one.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select array_agg(b.id order by b.nth)
            from (select n.id, n.nth,
                         sum(octet_length(s.params::text))
                           over (order by n.nth rows between unbounded preceding and 1 preceding) as before
                    from unnest(p_step_ids) with ordinality n (id, nth)
                   -- Plans 1
                   cross join lateral (select t.params, t.status from ops_mission_steps t
                                        where t.id = n.id limit 1) s
                   where s.status = 'queued') b
           where b.before >= p_enough);
end;
$$;
