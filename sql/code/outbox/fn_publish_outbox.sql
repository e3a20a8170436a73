create or replace function fn_publish_outbox(
  p_aggregate_type text,
  p_aggregate_id text,
  p_event_type text,
  p_payload jsonb default '{}',
  p_dedupe_key text default null
)
returns bigint
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Publishes a side effect in the caller's transaction: it becomes visible only if that commits. The call waits for
-- nothing but a transaction that is just publishing the same dedupe key, two seconds at most. Publishers of one
-- aggregate do not wait for each other; a message is delivered after those that were committed before this call.
-- Locks: the unique index of dedupe_key, the announcement. Writes: outbox, ops_ready. Raises: OP018 when a name is
-- missing or too long, or the key cannot be, OP041, OP045 for a payload that is too large.
declare
  v_now timestamptz := _now();
  v_id bigint;
  v_spent jsonb;
begin
  if coalesce(length(p_aggregate_type), 0) not between 1 and 200 or coalesce(length(p_aggregate_id), 0) not between 1
     and 400
     or coalesce(length(p_event_type), 0) not between 1 and 200 or length(p_dedupe_key) not between 1 and 1000
     or octet_length(p_dedupe_key) > 2600 then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: an outbox row needs aggregate_type and event_type of 1 to 200 characters and aggregate_id '
                'of 1 to 400; '
                'a dedupe_key has 1 to 1000 (2,600 bytes)',
      detail = jsonb_build_object('aggregate_type', left(p_aggregate_type, 100), 'aggregate_id',
                                  left(p_aggregate_id, 100),
                                  'event_type', left(p_event_type, 100), 'dedupe_key', left(p_dedupe_key, 100))::text,
      hint = 'Say what the effect is about and what is to be told. Nothing was published.';
  end if;
  perform _check_size('p_payload', p_payload, 'payload_bytes');
  perform _assert_readable('p_payload', p_payload);
  if p_dedupe_key is not null then
    perform _assert_not_reserved('key', 'p_dedupe_key', p_dedupe_key);
  end if;
  perform _announce();
  with published as (
    insert into outbox (aggregate_type, aggregate_id, event_type, payload, dedupe_key, ready_seq, created_at)
    values (p_aggregate_type, p_aggregate_id, p_event_type, coalesce(p_payload, '{}'), p_dedupe_key,
            nextval('ops_ready_seq'), v_now)
    on conflict do nothing
    returning id, ready_seq
  ), hint as (
    insert into ops_ready (lane, seq, id)
    select _lane_of('outbox'), p.ready_seq, _outbox_ready_id(p.id) from published p
  )
  select p.id into v_id from published p;
  if v_id is null then
    select o.id into v_id from outbox o where o.dedupe_key = p_dedupe_key;
    return v_id;
  end if;
  v_spent := _spent_keys('message', array[p_dedupe_key]);
  if v_spent is not null then
    -- After the insert, which waits for a purge of the same key.
    with undone as (
      delete from outbox o where o.id = v_id returning o.ready_seq
    )
    delete from ops_ready r using undone u where r.lane = _lane_of('outbox') and r.seq = u.ready_seq;
    v_id := _outbox_event_id((v_spent -> p_dedupe_key ->> 'id')::uuid);
  end if;
  return v_id;
end;
$$;
comment on function fn_publish_outbox(text, text, text, jsonb, text) is
  'Publishes a side effect in the caller''s transaction and returns its id; the same p_dedupe_key gives the first '
  'one''s id. OPS_018 when a name is missing or too long, OPS_045 for a payload that is too large; OPS_023 while a '
  'restore is not committed.';
