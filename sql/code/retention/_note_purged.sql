create or replace function _note_purged(
  p_how text,
  p_batch text,
  p_missions uuid[],
  p_proposals uuid[],
  p_steps uuid[],
  p_events uuid[]
)
returns void
language plpgsql
set search_path from current
as $$
-- Notes which ids are purged, for _purged and _assert_not_purged.
-- Locks: none. Writes: ops_purged. Raises: nothing.
begin
  insert into ops_purged (from_id, upto_id, missions, proposals, steps, events, how, batch, purged_at)
  select (array_agg(i.id order by i.id))[1], (array_agg(i.id order by i.id desc))[1], coalesce(p_missions, '{}'),
         coalesce(p_proposals, '{}'), coalesce(p_steps, '{}'), coalesce(p_events, '{}'), p_how, p_batch, _now()
    from unnest(p_missions || p_proposals || p_steps || p_events) i (id)
  having count(*) > 0;
end;
$$;
