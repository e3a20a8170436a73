create or replace function _place_in_line(p_step ops_mission_steps)
returns text
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- How many ready steps of the same executor a claim takes before this one, in words; counts 1,000 at most.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_before bigint;
begin
  select count(*) into v_before
    from (select
            from ops_lanes l
           cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start,
                                                 'ops_ready'::regclass) as mark) m
           cross join lateral (
             select from ops_ready r
              where r.lane = l.lane and r.seq > m.mark
                and r.seq < case when l.priority = p_step.priority then p_step.ready_seq else 9223372036854775807 end
              order by r.seq
              limit 1000) r
           where l.queue = 'steps' and l.executor = p_step.executor and l.priority >= p_step.priority
           limit 1000) n;
  return case v_before when 0 then 'nothing is in its way: the next claim takes it'
                       when 1 then 'nothing is in its way: 1 step goes before it'
                       when 1000 then 'nothing is in its way: 1000 steps or more go before it'
                       else format('nothing is in its way: %s steps go before it', v_before) end;
end;
$$;
