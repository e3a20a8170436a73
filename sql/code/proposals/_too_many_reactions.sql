create or replace function _too_many_reactions(p_ids uuid[])
returns uuid[]
language plpgsql
stable
set search_path from current
as $$
-- Those at the end of these reactions that are left for a later call, as the payloads of the ones before them have 16
-- MiB already. Null when there are none; the first never is one. A document that is small on its page is small as text.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select array_agg(b.id order by b.nth)
            from (select n.id, n.nth,
                         sum(case when pg_column_size(r.payload) <= 1000 then 1000
                                  else octet_length(r.payload::text) end)
                           over (order by n.nth rows between unbounded preceding and 1 preceding) as before
                    from unnest(p_ids) with ordinality n (id, nth)
                   -- Plans 1
                    left join lateral (
                      select t.payload from ops_agent_reactions t where t.id = n.id limit 1) r on true) b
           where b.before >= 16 * 1024 * 1024);
end;
$$;
