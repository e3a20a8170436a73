create or replace function fn_process_reactions(p_batch_size integer default 50)
returns table (processed integer, created integer)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
-- Turns up to p_batch_size queued reactions into gated proposals. When the batch as a whole cannot be processed, its
-- reactions are tried one by one, so that a bad one fails alone and the others go on.
-- Locks: the reactions taken, cap counters. Writes: ops_agent_reactions, ops_ready, and what proposals write.
-- Raises: OP018 for a batch of less than one; a reaction that cannot be processed is failed, with the SQLSTATE in its reason.
declare
  v_ids uuid[];
  v_now timestamptz := _now();
  v_id uuid;
  v_message text;
begin
  if p_batch_size < 1 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_batch_size is %s', p_batch_size),
      hint = 'Give at least 1; the default is 50.';
  end if;
  v_ids := _take_ready(2, coalesce(p_batch_size, 50));
  processed := cardinality(v_ids);
  created := 0;
  if processed > 0 then
    begin
      created := _propose_reactions(v_ids);
    exception when others then
      -- One item must not sink the batch.
      foreach v_id in array v_ids loop
        begin
          created := created + _propose_reactions(array[v_id]);
        exception when others then
          get stacked diagnostics v_message = message_text;
          v_message := format('%s (%s)', v_message, sqlstate);
          update ops_agent_reactions
             set status = 'failed', reason = v_message, updated_at = v_now
           where id = v_id;
        end;
      end loop;
    end;
  end if;
  return next;
end;
$$;
comment on function fn_process_reactions(integer) is
  'Turns up to p_batch_size (default 50) queued reactions into gated proposals; returns how many reactions were processed and how many proposals were created. Two at once never take the same reaction. OPS_018 for a batch of less than one.';
