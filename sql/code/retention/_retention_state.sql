create or replace function _retention_state(
  out kept_bytes numeric,
  out kept text,
  out troubles bigint,
  out trouble text
)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For health. kept_bytes: how large the tables are that no field of the document retention ever removes rows of, and
-- kept: which, with the numbers of rows that the planner estimates. troubles, trouble: what retention could not do:
-- rows set aside, rounds that have not ended for a day, and open steps whose results were deleted.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_cuts constant jsonb := _retention_cuts(_policy('retention'));
  v_now constant timestamptz := _now();
  v_waiting bigint;
  v_faults text;
  v_late text;
begin
  with part as (
    select distinct on (r.of_table) r.part, r.of_table, bool_and(v_cuts ->> r.cut = '-infinity') over (
             partition by r.of_table) as for_ever
      from _retention_parts() r
     where r.part <> 'purged'
  ), sized as (
    select p.part, pg_total_relation_size(c.oid) as bytes, greatest(c.reltuples, 0)::bigint as n
      from part p
      join pg_class c on c.oid = quote_ident(p.of_table)::regclass
     where p.for_ever
    union all
    -- With missions go their steps and attempts.
    select x.of_table, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
      from unnest(array['ops_mission_steps', 'ops_action_runs', 'ops_agent_reactions']) x (of_table)
      join pg_class c on c.oid = quote_ident(x.of_table)::regclass
     where v_cuts ->> 'any_missions' = '-infinity'
  )
  select sum(s.bytes), format('%s MB for ever: %s', round(sum(s.bytes) / 1048576.0),
                              (select string_agg(format('%s %s', l.n, l.part), ', ' order by l.bytes desc)
                                 from (select * from sized z where z.n > 0 order by z.bytes desc limit 4) l))
    into kept_bytes, kept
    from sized s;

  select count(*) into v_waiting from (select p.code from ops_parked_steps p
                                        where p.waits_for = 'person' order by p.since limit 10000) w
   where w.code = 'OPS_082';
  select string_agg(format('%s: %s', r.part, r.error), '; ' order by r.part)
           filter (where r.error is not null),
         string_agg(format('%s since %s', r.part, date_trunc('second', r.began_at)), ', ' order by r.part)
           filter (where r.ended_at is null and r.began_at < v_now - interval '1 day')
    into v_faults, v_late
    from ops_retention r
   where r.part <> 'keys';
  troubles := v_waiting + case when v_faults is null then 0 else 1 end + case when v_late is null then 0 else 1 end;
  trouble := concat_ws('; ', case when v_waiting > 0 then format('%s steps need results that are gone', v_waiting) end,
                       v_faults, 'not done: ' || v_late);
end;
$$;
