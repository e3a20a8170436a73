create or replace function _recover_each(
  p_how text,
  p_ids uuid[],
  out requeued integer,
  out failed integer,
  out held integer
)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For recovery, pauses and the sweep: does this with these steps, all at once. Where that fails on data, they are
-- halved until each step on which it fails stands alone, and that one is failed with the code of the error. p_how: due
-- (a timer of theirs ran out), stale (no lease), restore (running when the backup was made), adopt (queued by hand),
-- mend (what they wait for is not on record), resume (their pause was lifted), park (a pause covers them). A row that
-- need not run is set aside instead: unpark (parked, but not waiting), interrupted (a lease, but not running), and
-- missions, of which the ids are those of missions out of step with their steps. held: how many adopt adopted, resume
-- left parked, and park parked.
-- Locks: missions, then steps, SKIP LOCKED. Writes: what recovery, the queue and an end write; ops_strays. Raises:
-- errors not caused by the data.
declare
  v_now timestamptz := _now();
  v_from integer := 1;
  v_size integer := cardinality(p_ids);
  v_part uuid[];
  v_retry uuid[];
  v_done record;
  v_message text;
begin
  requeued := 0;
  failed := 0;
  held := 0;
  while v_from <= cardinality(p_ids) loop
    v_part := p_ids[v_from : v_from + v_size - 1];
    begin
      select 0 as requeued, 0 as failed, 0 as held into v_done;
      case p_how
        when 'due' then
          select array_agg(l.id) into v_retry
            from (select s.id from ops_mission_steps s
                   where s.id = any (v_part) and s.status = 'queued' and s.run_after <= v_now
                   order by s.id
                     for no key update skip locked) l;
          if v_retry is not null then
            perform _enqueue_steps(v_retry);
          end if;
          if exists (select from ops_parked_steps q where q.step_id = any (v_part)
                                                          and q.waits_for in ('time', 'event')) then
            perform _free_waiting(v_part);
          end if;
          select * into v_done
            from _recover_steps(array(select s.id from ops_mission_steps s
                                       where s.id = any (v_part) and s.status = 'running'
                                         and s.lease_expires_at <= v_now));
          -- Steps that another session had locked are due again in a second.
          perform _rearm_timers(v_part);
        when 'stale' then
          select * into v_done from _recover_steps(v_part);
        when 'restore' then
          select * into v_done from _recover_steps(v_part, 'a restore');
        when 'adopt' then
          v_done.held := _adopt_steps(v_part);
        when 'mend' then
          perform _mend_parking(v_part, '{}');
        when 'unpark' then
          perform _mend_parking('{}', v_part);
        when 'resume' then
          select r.requeued, 0 as failed, r.still_paused as held into v_done from _resume_part(v_part) r;
        when 'park' then
          v_done.held := _park_queued(v_part);
        when 'interrupted' then
          perform _record_interrupted(array(
            select l.id from (select s.id from ops_mission_steps s
                               where s.id = any (v_part) and s.status <> 'running'
                               order by s.id
                                 for no key update skip locked) l));
        when 'missions' then
          perform _mend_missions(v_part);
      end case;
      requeued := requeued + v_done.requeued;
      failed := failed + v_done.failed;
      held := held + v_done.held;
      v_from := v_from + cardinality(v_part);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      if cardinality(v_part) > 1 then
        v_size := (cardinality(v_part) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        if p_how in ('unpark', 'interrupted', 'missions') then
          perform _set_aside(case p_how when 'missions' then 'ops_missions' else 'ops_mission_steps' end, v_part[1],
                             v_part[1]::text, sqlstate, v_message);
        elsif cardinality(_lock_free_missions(v_part)) > 0 then
          perform _fail_alone(v_part[1], _error_code(sqlstate), _error_text(sqlstate, v_message));
          failed := failed + 1;
        else
          perform _rearm_timers(v_part);
        end if;
        v_from := v_from + 1;
      end if;
    end;
  end loop;
end;
$$;
