create or replace function _ready_count(p_queue text, p_limit integer)
returns bigint
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- How many rows are ready in the lanes of a queue (events, reactions or steps), p_limit at most. Rows of a late
-- enqueuer that lie below the mark are not counted.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select count(*)
      from (select
              from ops_lanes l
             cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start,
                                                   'ops_ready'::regclass) as mark) m
             cross join lateral (select from ops_ready r
                                 where r.lane = l.lane and r.seq > m.mark order by r.seq limit p_limit) r
             where l.queue = p_queue
             limit p_limit) n);
end;
$$;
