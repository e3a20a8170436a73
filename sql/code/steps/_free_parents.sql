create or replace function _free_parents(p_step_ids uuid[], p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Ends those of these waiting steps of kind mission whose mission has ended, or whose proposal will never be one:
-- succeeded, with the results of its steps by their keys, if the mission has; else failed, with OPS_048, or with
-- OPS_045 where the results together are too large for one. The caller holds these missions and their steps.
-- Locks: none of its own. Writes: ops_child_missions, and what an end writes. Raises: nothing.
declare
  v_limits constant jsonb := _size_limits();
  v_done record;
begin
  select array_agg(w.id) as ids,
         array_agg(w.id) filter (where w.fault is null) as over,
         array_agg(w.result) filter (where w.fault is null) as results,
         array_agg(w.id) filter (where w.fault is not null) as faulty,
         array_agg(w.fault) filter (where w.fault is not null) as faults,
         array_agg(w.code) filter (where w.fault is not null) as codes
    into v_done
    from (select s.id, r.result, case when f.fault is null then 'OPS_048' else 'OPS_045' end as code,
                 case when m.status = 'succeeded' then case when f.fault is not null then _size_message(f.fault) end
                      when m.id is not null
                      then format('its mission %s has %s%s', m.id,
                                  case m.status when 'failed' then 'failed' else 'been cancelled' end, ': ' || m.error)
                      else format('its proposal %s is %s: %s', p.id, p.status, p.reason) end as fault
            from ops_mission_steps s
            join ops_child_missions c on c.step_id = s.id and not c.abandoned
            left join lateral (select t.* from ops_mission_proposals t where t.id = c.proposal_id limit 1) p on true
            left join lateral (select t.* from ops_missions t where t.id = c.mission_id limit 1) m on true
            left join lateral (
              select coalesce(jsonb_object_agg(t.key, t.result), '{}') as result
                from ops_mission_steps t
               where t.mission_id = m.id and t.status = 'succeeded' and t.key is not null) r on m.status = 'succeeded'
           cross join lateral (
             select case when m.status = 'succeeded' then _size_fault('the results', r.result, 'result_bytes', v_limits)
                    end as fault) f
           where s.id = any (p_step_ids) and s.mission_id = any (p_mission_ids) and s.status = 'waiting'
             and (m.status in ('succeeded', 'failed', 'cancelled')
                  or (m.id is null
                      and coalesce(p.status, 'gone') not in ('pending', 'voting', 'approved', 'auto_approved')))
           order by s.id) w;
  if v_done.ids is null then
    return;
  end if;
  delete from ops_child_missions c where c.step_id = any (v_done.ids);
  if v_done.over is not null then
    perform _end_waits(v_done.over, v_done.results);
  end if;
  if v_done.faulty is not null then
    perform _fail_waits(v_done.faulty, v_done.faults, v_done.codes);
  end if;
end;
$$;
