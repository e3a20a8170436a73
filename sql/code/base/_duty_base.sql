create or replace function _duty_base()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: sums counts up, 100,000 rows at most; rows that another session is summing up
-- are skipped. A count ends at the largest bigint.
-- Locks: rows of ops_counts, SKIP LOCKED; then those of ops_counters, in order of name. Writes: both. Raises: nothing.
begin
  with gone as (
    delete from ops_counts c
     where c.ctid = any (array(select i.ctid from ops_counts i limit 100000 for update skip locked))
    returning c.name, c.n
  )
  insert into ops_counters as t (name, value)
  select g.name, least(sum(g.n), 9223372036854775807) from gone g group by g.name order by g.name
  on conflict (name) do update
    set value = least(t.value::numeric + excluded.value, 9223372036854775807);
end;
$$;
