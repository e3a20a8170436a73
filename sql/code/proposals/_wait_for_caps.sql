create or replace function _wait_for_caps(
  p_sources text[],
  p_refusals text[],
  p_untils timestamptz[],
  p_caps jsonb,
  p_waited boolean[]
)
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- Of proposals over a cap, null for those that may wait for the end of its window, and why not for the others: policy
-- rejects what is over a limit, a cap of 0 never has room, or as many of the source wait as policy lets. p_refusals,
-- p_untils: as the caps gave them. p_waited: which of them wait already; null: none. Sessions over the same cap come
-- one after the other, as each holds its counter until it commits; so the number is exact.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := coalesce((p_caps ->> 'max_waiting')::integer, 1000);
  v_rejects constant boolean := coalesce(p_caps ->> 'over_limit', 'wait') = 'reject';
begin
  return (
    with refused as (
      select r.ord, r.source, r.until, coalesce(r.waited, false) as waited,
             count(*) filter (where r.waited is not true and r.until is not null)
               over (partition by r.source order by r.ord) as nth
        from unnest(p_sources, p_refusals, p_untils, p_waited) with ordinality r (source, refusal, until, waited, ord)
       where r.refusal is not null
    ), waiting as (
      select s.source, (select count(*)
                          from (select from ops_mission_proposals p
                                 where p.status in ('pending', 'voting') and p.counted_at is null
                                   and p.gate_after is not null and p.source = s.source
                                 limit c_most) w) as so_far
        from (select distinct r.source from refused r where not v_rejects and not r.waited) s
    )
    select array_agg(case when r.ord is null then null
                          when r.until is null or v_rejects then ''
                          when r.waited or w.so_far + r.nth <= c_most then null
                          else format(', and proposal_caps.max_waiting %s of source %s wait already', c_most,
                                      r.source) end
                     order by n.ord)
      from generate_series(1, cardinality(p_sources)) n (ord)
      left join refused r on r.ord = n.ord
      left join waiting w on w.source = r.source);
end;
$$;
