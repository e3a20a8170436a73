create or replace function _settle_outbox(
  p_processor_id text,
  p_event_ids bigint[],
  p_outcomes text[],
  p_errors text[],
  p_after double precision[]
)
returns table (event_id bigint, outcome text)
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Settles claimed messages: delivered, retry, dead or released; notify is delivered here, by NOTIFY, in this
-- transaction. Of each aggregate the reports count in order (_outbox_verdicts). OPS_006 answers what comes behind a
-- failure, which is released with its aggregate, and what the processor does not have (any more). busy: another session
-- holds the head of the aggregate just now; say it again. When that fails on data, reports are taken one by one, and
-- the message on which it fails is dead.
-- Locks: outbox_heads, SKIP LOCKED. Writes: outbox, outbox_heads, outbox_timers, ops_ready, dead_letter_archive,
-- ops_counts. Raises: OP023; errors not caused by the data.
declare
  v_locked record;
  v_said record;
  v_message text;
begin
  perform _pass_restore();
  begin
    select * into v_locked from _lock_claimed_heads(p_processor_id, p_event_ids);
    select * into v_said
      from _outbox_verdicts(v_locked.types, v_locked.ids, p_event_ids, p_outcomes, p_errors, p_after);
    if v_said.bodies is not null then
      perform pg_notify(n.channel, n.body) from unnest(v_said.channels, v_said.bodies) n (channel, body);
    end if;
    perform _record_deliveries(p_processor_id, v_said.event_ids, v_said.verdicts, v_said.errors);
    perform _settle_heads(v_locked.types, v_locked.ids, v_said.heads, v_said.event_ids, v_said.verdicts, v_said.after);

    return query
    select s.id,
           case when v.verdict is not null then v.verdict
                when exists (select from outbox o
                               join outbox_heads h
                                 on h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id
                              where o.id = s.id and h.processor_id = p_processor_id and s.id = any (h.claimed)
                                and not exists (select from unnest(v_locked.types, v_locked.ids) n (t, i)
                                                 where n.t = h.aggregate_type and n.i = h.aggregate_id)) then 'busy'
                else 'OPS_006' end
      from unnest(p_event_ids) with ordinality s (id, ord)
     cross join lateral (select v_said.verdicts[array_position(v_said.event_ids, s.id)] as verdict) v
     order by s.ord;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    if cardinality(p_event_ids) > 1 then
      for v_nth in 1 .. cardinality(p_event_ids) loop
        return query select * from _settle_outbox(p_processor_id, p_event_ids[v_nth:v_nth], p_outcomes[v_nth:v_nth],
                                                  p_errors[v_nth:v_nth], p_after[v_nth:v_nth]);
      end loop;
    else
      get stacked diagnostics v_message = message_text;
      return query select p_event_ids[1], _bury_alone(p_processor_id, p_event_ids[1], _error_text(sqlstate, v_message));
    end if;
  end;
end;
$$;
