create or replace function fn_extend_outbox_claims(
  p_processor_id text,
  p_event_ids bigint[],
  p_lease_seconds integer default null
)
returns table (event_id bigint, ok boolean)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Extends the claims of these messages, and with each the claims of all messages of its aggregate. Never waits: a head
-- that another session has locked keeps the lease it has. ok is false for a message that the processor does not have
-- any more, and for every message once the kill switch is on: then it must not be delivered.
-- Locks: outbox_heads, SKIP LOCKED. Writes: outbox_heads. Raises: OP018, OP023.
declare
  v_now timestamptz := _now();
  v_lease interval := _outbox_lease(p_lease_seconds, _policy('outbox'));
  v_killed boolean := exists (select from ops_pauses p where p.kill);
  v_types text[];
  v_ids text[];
begin
  perform _check_batch('p_event_ids', to_jsonb(p_event_ids));
  perform _pass_restore();
  if not v_killed then
    select l.types, l.ids into v_types, v_ids from _lock_claimed_heads(p_processor_id, p_event_ids) l;
    update outbox_heads h
       set lease_expires_at = greatest(h.lease_expires_at, v_now + v_lease)
      from unnest(v_types, v_ids) n (aggregate_type, aggregate_id)
     where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id;
  end if;
  return query
  select e.id, not v_killed and coalesce(h.processor_id = p_processor_id and e.id = any (h.claimed), false)
    from unnest(p_event_ids) e (id)
    left join outbox o on o.id = e.id
    left join outbox_heads h on h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id;
end;
$$;
comment on function fn_extend_outbox_claims(text, bigint[], integer) is
  'Extends the claims of these messages by p_lease_seconds (default by policy, else 60) from now; ok is false for '
  'what the processor does not have any more, and for everything after the kill switch: do not deliver it. OPS_018 '
  'for a bad lease.';
