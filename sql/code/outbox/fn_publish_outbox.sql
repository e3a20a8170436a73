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
as $$
-- Publishes a side effect in the caller's transaction: nobody sees it unless that commits.
-- Locks: the unique index of dedupe_key. Writes: outbox. Raises: OP018 when a name is missing or the key cannot be.
declare
  v_now timestamptz := _now();
  v_id bigint;
begin
  if length(p_dedupe_key) not between 1 and 1000 or coalesce(p_aggregate_type, '') = '' or coalesce(p_aggregate_id, '') = '' or coalesce(p_event_type, '') = '' then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: an outbox row needs aggregate_type, aggregate_id and event_type; a dedupe_key has 1 to 1000 characters',
      detail = jsonb_build_object('aggregate_type', p_aggregate_type, 'aggregate_id', p_aggregate_id,
                                  'event_type', p_event_type, 'dedupe_key', left(p_dedupe_key, 100))::text,
      hint = 'Say what the effect is about and what is to be told. Nothing was published.';
  end if;
  insert into outbox (aggregate_type, aggregate_id, event_type, payload, dedupe_key, created_at)
  values (p_aggregate_type, p_aggregate_id, p_event_type, coalesce(p_payload, '{}'), p_dedupe_key, v_now)
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    select o.id into v_id from outbox o where o.dedupe_key = p_dedupe_key;
  end if;
  return v_id;
end;
$$;
comment on function fn_publish_outbox(text, text, text, jsonb, text) is
  'Publishes a side effect in the caller''s transaction and returns its id; the same p_dedupe_key gives the first one''s id. OPS_018 when a name is missing.';
