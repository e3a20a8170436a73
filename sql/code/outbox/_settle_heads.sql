create or replace function _settle_heads(
  p_types text[],
  p_ids text[],
  p_heads integer[],
  p_event_ids bigint[],
  p_verdicts text[],
  p_after double precision[]
)
returns void
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Writes into heads, which the caller has locked, what the verdicts on their messages mean for them (_outbox_verdicts):
-- a head waits for a retry, keeps the rest of what was claimed, or is let go, when that was all or a message was
-- released.
-- Locks: none of its own. Writes: outbox_heads, outbox_timers, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_free_types text[];
  v_free_ids text[];
begin
  with heads as (
    update outbox_heads h
       set processor_id = null, lease_expires_at = null, claimed = array[v.id],
           retry_at = v_now + make_interval(secs => v.after)
      from unnest(p_heads, p_event_ids, p_verdicts, p_after) v (head, id, verdict, after)
     where h.aggregate_type = p_types[v.head] and h.aggregate_id = p_ids[v.head] and v.verdict = 'retry'
    returning h.aggregate_type, h.aggregate_id, h.retry_at, v.id
  )
  insert into outbox_timers (due_at, aggregate_types, aggregate_ids, event_ids)
  select h.retry_at, array_agg(h.aggregate_type), array_agg(h.aggregate_id), array_agg(h.id)
    from heads h group by h.retry_at;

  select array_agg(n.aggregate_type), array_agg(n.aggregate_id) into v_free_types, v_free_ids
    from unnest(p_types, p_ids) with ordinality n (aggregate_type, aggregate_id, head)
    join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
   where h.processor_id is not null
     and (h.claimed <@ p_event_ids
          or exists (select from unnest(p_heads, p_verdicts) v (head, verdict)
                      where v.head = n.head and v.verdict = 'released'));
  update outbox_heads h
     set claimed = array(select c.id from unnest(h.claimed) with ordinality c (id, ord)
                          where c.id <> all (p_event_ids) order by c.ord)
   where h.processor_id is not null and h.claimed && p_event_ids
     and (h.aggregate_type, h.aggregate_id) in (select t, i from unnest(p_types, p_ids) n (t, i))
     and (h.aggregate_type, h.aggregate_id) not in (select t, i from unnest(v_free_types, v_free_ids) n (t, i));
  if v_free_types is not null then
    perform _free_heads(v_free_types, v_free_ids);
  end if;
end;
$$;
