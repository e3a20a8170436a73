create or replace function _add_attempts(p_kinds text[], p_executors text[], p_outcomes text[], p_seconds numeric[])
returns void
language plpgsql
set search_path from current
set jit = off
as $$
-- Adds attempts to ops_attempt_counts, an entry in each array for each. The number of series is bounded: pairs of kind
-- and executor beyond the first 200 count as (other). p_seconds is null where the beginning is not known.
-- Locks: rows of ops_attempt_counts, in order of their key; the caller holds ops_attempt_fold. Writes:
-- ops_attempt_counts, ops_counts. Raises: nothing.
declare
  c_pairs constant integer := 200;
  c_bounds constant numeric[] := _duration_bounds();
begin
  perform _count('opsloop_attempts_total', cardinality(p_kinds));
  with ended as (
    -- A bucket includes its bound, and times are whole microseconds.
    select coalesce(a.kind, '(other)') as kind, a.executor, a.outcome, count(*) as n,
           coalesce(sum(a.seconds), 0) as seconds, a.bucket
      from (select u.*, width_bucket(u.seconds - 0.0000005, c_bounds) as bucket
              from unnest(p_kinds, p_executors, p_outcomes, p_seconds) u (kind, executor, outcome, seconds)) a
     group by 1, 2, 3, a.bucket
  ), pair as (
    select e.kind, e.executor,
           exists (select from ops_attempt_counts c where c.kind = e.kind and c.executor = e.executor) as is_known
      from (select distinct d.kind, d.executor from ended d) e
  ), named as (
    select p.kind, p.executor,
           p.is_known
             or count(*) filter (where not p.is_known) over (order by p.is_known desc, p.kind, p.executor)
                + (select count(*) from (select distinct c.kind, c.executor from ops_attempt_counts c) k) <= c_pairs
             as is_own
      from pair p
  ), counted as (
    select case when m.is_own then e.kind else '(other)' end as kind,
           case when m.is_own then e.executor else '(other)' end as executor, e.outcome, e.n, e.seconds, e.bucket
      from ended e
      join named m on m.kind = e.kind and m.executor = e.executor
  )
  insert into ops_attempt_counts as t (kind, executor, outcome, n, seconds, buckets)
  select c.kind, c.executor, c.outcome, sum(c.n), sum(c.seconds),
         array(select coalesce((select sum(x.n) from counted x
                                 where x.bucket = g.bucket and x.kind = c.kind and x.executor = c.executor
                                   and x.outcome = c.outcome), 0)::bigint
                 from generate_series(0, cardinality(c_bounds)) g (bucket) order by g.bucket)
    from counted c
   group by c.kind, c.executor, c.outcome
   order by c.kind, c.executor, c.outcome
  on conflict (kind, executor, outcome) do update
    set n = t.n + excluded.n,
        seconds = t.seconds + excluded.seconds,
        buckets = array(select u.a + u.b from unnest(t.buckets, excluded.buckets) with ordinality u (a, b, ord)
                         order by u.ord);
end;
$$;
