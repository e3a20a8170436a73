create or replace function _retention_cuts(p_document jsonb)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- Before when rows of each sort go, by a document retention, -infinity for those that stay; keys: dedupe keys purged
-- before it are free; keys_until: until when those purged now are kept, null for ever.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_cuts jsonb;
begin
  select jsonb_object_agg(c.name, coalesce(v_now - make_interval(days => (p_document ->> c.field)::integer),
                                           '-infinity'))
    into v_cuts
    from (values ('missions', 'missions_days'), ('failed', 'keep_failed_days'), ('events', 'events_days'),
                 ('outbox', 'outbox_days'), ('dead_letters', 'dead_letters_days'), ('history', 'history_days'),
                 ('keys', 'dedupe_days')) c (name, field);
  if p_document ->> 'keep_failed_days' is null then
    v_cuts := v_cuts || jsonb_build_object('failed', v_cuts -> 'missions');
  end if;
  return v_cuts || jsonb_build_object(
    'any_missions', greatest((v_cuts ->> 'missions')::timestamptz, (v_cuts ->> 'failed')::timestamptz),
    'any_events', greatest((v_cuts ->> 'events')::timestamptz, (v_cuts ->> 'missions')::timestamptz),
    'keys_until', v_now + make_interval(days => (p_document ->> 'dedupe_days')::integer));
end;
$$;
