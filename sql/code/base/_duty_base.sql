create or replace function _duty_base()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: sums counts up, 100,000 rows at most; rows that another session is summing up
-- are skipped. A count ends at the largest bigint. Counts of the last day are kept by ten minutes, and reports of
-- processes for a week.
-- Locks: rows of ops_counts, SKIP LOCKED; then those of ops_counters and ops_count_times, each in order of name.
-- Writes: these, and ops_process_counts. Raises: nothing.
declare
  c_most constant numeric := 9223372036854775807;
  v_now timestamptz := _now();
  v_names text[];
  v_sums bigint[];
begin
  with gone as (
    delete from ops_counts c
     where c.ctid = any (array(select i.ctid from ops_counts i limit 100000 for update skip locked))
    returning c.name, c.n
  )
  select array_agg(s.name order by s.name), array_agg(least(s.n, c_most)::bigint order by s.name)
    into v_names, v_sums
    from (select g.name, sum(g.n) as n from gone g group by g.name) s;
  if v_names is null then
    return;
  end if;
  insert into ops_counters as t (name, value)
  select s.name, s.n from unnest(v_names, v_sums) with ordinality s (name, n, ord) order by s.ord
  on conflict (name) do update
    set value = least(t.value::numeric + excluded.value, c_most);
  insert into ops_count_times as t (name, since, n)
  select s.name, date_bin('10 minutes', v_now, timestamptz 'epoch'), s.n
    from unnest(v_names, v_sums) with ordinality s (name, n, ord) order by s.ord
  on conflict (name, since) do update
    set n = least(t.n::numeric + excluded.n, c_most);
  delete from ops_count_times t where t.since < v_now - interval '25 hours';
  delete from ops_process_counts p where p.told_at < v_now - interval '7 days';
end;
$$;
