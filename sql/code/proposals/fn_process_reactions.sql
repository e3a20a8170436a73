create or replace function fn_process_reactions(p_batch_size integer default 50)
returns table (processed integer, created integer)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
set lock_timeout = '1s'
as $$
-- Turns up to p_batch_size queued reactions into gated proposals. When the batch fails as a whole, its reactions are
-- tried one by one, so that a faulty one fails alone. A reaction that met only a lock of another session, or a server
-- short of resources, is not faulty: it stays queued, behind the others. So do those that are left once the templates
-- of the ones before them have 16 MiB. The heartbeat waits a second at most for a transaction that is inserting the
-- same dedupe key.
-- Locks: the reactions taken, cap counters, the unique index of dedupe_key. Writes: ops_agent_reactions, ops_ready,
-- dead_letter_archive, ops_strays, and what proposals write. Raises: OP018 for a batch of less than one; a reaction
-- that cannot be processed is failed, with its error as reason and reason_code, and goes whole to dead_letter_archive.
declare
  v_ids uuid[];
  v_later uuid[];
  v_id uuid;
  v_message text;
begin
  if p_batch_size < 1 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_batch_size is %s', p_batch_size),
      hint = 'Give at least 1; the default is 50.';
  end if;
  v_ids := _take_ready(_lane_of('reactions'), least(coalesce(p_batch_size, 50), 10000),
                       (_lane_fronts(array[_lane_of('reactions')]))[1]);
  v_later := _too_many_reactions(v_ids);
  if v_later is not null then
    perform _adopt_each('reactions', v_later);
    v_ids := v_ids[:cardinality(v_ids) - cardinality(v_later)];
  end if;
  processed := cardinality(v_ids);
  created := 0;
  if processed > 0 then
    begin
      created := _propose_reactions(v_ids);
    exception when others or assert_failure then
      -- One item must not sink the batch.
      perform set_config('lock_timeout', '50ms', true);
      foreach v_id in array v_ids loop
        begin
          created := created + _propose_reactions(array[v_id]);
        exception when others or assert_failure then
          if not _is_data_fault(sqlstate) then
            perform _enqueue_reactions(array[v_id]);
            processed := processed - 1;
          else
            get stacked diagnostics v_message = message_text;
            perform _fail_reaction(v_id, sqlstate, v_message);
          end if;
        end;
      end loop;
    end;
  end if;
  return next;
end;
$$;
comment on function fn_process_reactions(integer) is
  'Turns up to p_batch_size (default 50) queued reactions into gated proposals; returns how many reactions were '
  'processed and how many proposals were created. Two at once never take the same reaction. OPS_018 for a batch of '
  'less than one.';
