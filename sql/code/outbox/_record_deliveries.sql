create or replace function _record_deliveries(
  p_processor_id text,
  p_event_ids bigint[],
  p_verdicts text[],
  p_errors text[]
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
-- Writes into messages what became of them (_outbox_verdicts): when they were delivered, or why that failed. A dead
-- message goes to dead_letter_archive. The caller has locked the heads.
-- Locks: none of its own. Writes: outbox, dead_letter_archive, ops_counts. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  update outbox o
     set processed_at = case when v.verdict in ('delivered', 'dead') then v_now end,
         dead = v.verdict = 'dead',
         processor_id = p_processor_id,
         retry_count = o.retry_count + (v.verdict <> 'delivered')::integer,
         last_error = coalesce(v.error, o.last_error),
         error_history = case v.verdict when 'delivered' then o.error_history
                           else o.error_history
                                  || jsonb_build_object('at', v_now, 'processor', p_processor_id, 'error', v.error) end
    from unnest(p_event_ids, p_verdicts, p_errors) v (id, verdict, error)
   where o.id = v.id and v.verdict in ('delivered', 'retry', 'dead');
  if 'dead' = any (p_verdicts) then
    perform _bury_outbox(array(
      select v.id from unnest(p_event_ids, p_verdicts) v (id, verdict) where v.verdict = 'dead'));
  end if;
  perform _count('m10_outbox_retry_total', cardinality(array_positions(p_verdicts, 'retry')));
end;
$$;
