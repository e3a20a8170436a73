create or replace function fn_claim_outbox_deliveries(
  p_processor_id text,
  p_limit integer default 100,
  p_per_aggregate integer default 20,
  p_lease_seconds integer default null
)
returns table (
  id bigint,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  retry_count integer,
  idempotency_key text,
  body text,
  sink text,
  settings jsonb,
  lease_seconds double precision
)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
set lock_timeout = '2s'
as $$
-- Claims messages for a relay, each with the route that policy has for it. Several messages of one aggregate come in
-- order; the relay must deliver them in that order and stop at the first that fails. No message is claimed while policy
-- has no route or the whole loop is paused; a message that is held for another reason (_outbox_hold) stays, with the
-- reason in last_error. One on whose data that fails is dead, and the others are claimed.
-- Locks: the barrier of claims, and what _claim_outbox locks. Writes: outbox_heads, outbox_timers, ops_ready;
-- outbox.last_error of what is held. Raises: OP018.
declare
  v_policy jsonb := _policy('outbox');
  v_worker_policy jsonb := _policy('worker_policy');
  v_lease interval := _outbox_lease(p_lease_seconds, v_policy);
  v_claimed bigint[];
  v_part bigint[];
  v_from integer := 1;
  v_size integer;
  v_message text;
begin
  perform _check_outbox_claim(p_processor_id, p_limit, 'p_limit');
  if p_per_aggregate is null or p_per_aggregate not between 1 and 1000 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_per_aggregate must be 1 to 1000, not %s', p_per_aggregate),
      hint = '1 for one message of each aggregate.';
  end if;
  perform _pass_barrier('claims');
  if _is_stopped() then
    perform _refuse_move();
    return;
  elsif coalesce(nullif(v_policy -> 'routes', 'null'), '[]') = '[]' then
    return;
  end if;
  v_claimed := _claim_outbox(p_processor_id, p_limit, p_per_aggregate, v_lease, v_policy);
  -- One part, unless it fails on data: then parts are halved until the message on which it fails stands alone. The sort
  -- has read every row before it returns the first, so a part that fails has returned nothing.
  v_size := cardinality(v_claimed);
  while v_from <= cardinality(v_claimed) loop
    v_part := v_claimed[v_from : v_from + v_size - 1];
    begin
      return query
      with kinds as materialized (
        select distinct o.event_type as kind from outbox o where o.id = any (v_part)
      ), routed as materialized (
        select k.kind, _outbox_route(k.kind, v_policy) as route from kinds k
      ), routes as materialized (
        select r.kind, r.route, _outbox_settings(r.route, v_policy, v_worker_policy) as settings from routed r
      )
      select o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.retry_count, 'outbox:' || o.message_id::text,
             _outbox_body(o.message_id, o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.created_at, o.payload),
             r.route ->> 'sink', r.settings, extract(epoch from v_lease)::double precision
        from unnest(v_part) with ordinality c (id, ord)
        join outbox o on o.id = c.id
        join routes r on r.kind = o.event_type
       order by c.ord;
      v_from := v_from + cardinality(v_part);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      if cardinality(v_part) > 1 then
        v_size := (cardinality(v_part) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        perform _bury_alone(p_processor_id, v_part[1], _error_text(sqlstate, v_message));
        v_from := v_from + 1;
      end if;
    end;
  end loop;
end;
$$;
comment on function fn_claim_outbox_deliveries(text, integer, integer, integer) is
  'Claims up to p_limit (default 100, at most 1000) messages for a relay, up to p_per_aggregate (20) of each '
  'aggregate, each with what to deliver (body) and its sink and settings by policy (outbox.routes); the lease is '
  'p_lease_seconds, else by policy, else 60. Deliver those of one aggregate in order and stop at the first that '
  'fails. OPS_018 for a bad argument.';
