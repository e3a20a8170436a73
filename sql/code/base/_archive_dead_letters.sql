create or replace function _archive_dead_letters(
  p_what text,
  p_names text[],
  p_originals text[],
  p_payloads jsonb[],
  p_reasons text[],
  p_counts integer[]
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Writes dead letters of the loop itself, all of one kind (p_what: step, reaction or outbox), each original once in a
-- call. If an original gives up again after as many tries (p_counts), it leaves one more letter, whose name ends in :1,
-- then in :2.
-- Locks: the unique index of dl_msg_id. Writes: dead_letter_archive. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  insert into dead_letter_archive (dl_msg_id, original_msg_id, payload, reason, reclaim_count, dead_lettered_at,
                                   archived_at, archived_by, what)
  select l.name || case when e.earlier > 0 then ':' || e.earlier::text else '' end,
         l.original, l.payload, l.reason, l.count, v_now, v_now, 'opsloop', p_what
    from unnest(p_names, p_originals, p_payloads, p_reasons, p_counts) l (name, original, payload, reason, count)
   cross join lateral (
     select count(*) as earlier
       from dead_letter_archive a
      where a.original_msg_id = l.original and a.reclaim_count = l.count and a.what = p_what) e
  on conflict (dl_msg_id) do nothing;
end;
$$;
