create or replace function _counted(p_name text, p_within interval)
returns numeric
language plpgsql
stable
set search_path from current
as $$
-- How often p_name was counted within that time, a day at most, to the last ten minutes; counts not summed up yet are
-- included, as far as they are among the 10,000 counts of that kind that a look may read.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select coalesce(sum(t.n), 0) from ops_count_times t
           where t.name = p_name and t.since > _now() - p_within - interval '10 minutes')
       + (select coalesce(sum(c.n), 0) from (select i.name, i.n from ops_counts i order by i.id desc limit 10000) c
           where c.name = p_name);
end;
$$;
