create or replace function fn_list_outbox(p_limit integer default 50, p_status text default 'waiting')
returns table (
  event_id bigint,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  status text,
  created_at timestamptz,
  processed_at timestamptz,
  retry_count integer,
  retry_at timestamptz,
  processor_id text,
  last_error text,
  held text
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Messages of the outbox for people to read: those that wait, oldest first, or the newest that were delivered or given
-- up (dead). Bounded: among 10,000 that wait, or the newest 10,000. retry_at: when its aggregate is tried again. held:
-- why relays leave it, such as that policy has no route for it.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or status that cannot be.
declare
  v_policy constant jsonb := _policy('outbox');
begin
  perform _check_list(p_limit, p_status, array['waiting', 'delivered', 'dead']);
  return query
  with chosen as materialized (
    (select w.*
       from (select t.* from outbox t where p_status = 'waiting' and t.processed_at is null limit 10000) w
      order by w.id
      limit p_limit)
    union all
    (select n.*
       from (select t.* from outbox t where p_status <> 'waiting' order by t.id desc limit 10000) n
      where n.processed_at is not null and n.dead = (p_status = 'dead')
      order by n.id desc
      limit p_limit)
  ), kind as (
    select k.event_type, _outbox_hold(k.event_type, v_policy) as held
      from (select distinct c.event_type from chosen c where c.processed_at is null) k
  )
  select c.id, c.aggregate_type, c.aggregate_id, c.event_type, p_status, c.created_at, c.processed_at, c.retry_count,
         case when c.processed_at is null then h.retry_at end, coalesce(c.processor_id, h.processor_id), c.last_error,
         k.held
    from chosen c
    left join outbox_heads h on h.aggregate_type = c.aggregate_type and h.aggregate_id = c.aggregate_id
    left join kind k on k.event_type = c.event_type
   order by case when p_status = 'waiting' then c.id else -c.id end;
end;
$$;
comment on function fn_list_outbox(integer, text) is
  'Lists up to p_limit (1 to 1000) messages of the outbox: those that are waiting, oldest first (of 10,000 at most), '
  'else the newest that were delivered or are dead, with the next try and why relays leave them. OPS_018 for what '
  'cannot be.';
