create or replace function _tend_children(p_limit integer default 200)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every turn: proposes the missions of steps of kind mission whose turn has come, sees which of
-- those proposed earlier have started or never will, and ends those whose step no longer waits; up to p_limit of each.
-- One heartbeat at a time does this.
-- Locks: an advisory lock, never waiting; missions and their steps, proposals, SKIP LOCKED. Writes: ops_child_missions,
-- ops_parked_steps, ops_timers, proposals, and what an end writes. Raises: errors not caused by the data.
declare
  v_child record;
  v_message text;
begin
  if not exists (select from ops_parked_steps q where q.scope = 'mission' and q.target is null)
     and not exists (select from ops_child_missions c where c.mission_id is null)
     and not exists (select from ops_child_missions c where c.abandoned)
     or not pg_try_advisory_xact_lock('ops_child_missions'::regclass::oid::integer, 0) then
    return;
  end if;
  for v_child in
    select q.step_id from ops_parked_steps q
     where q.scope = 'mission' and q.target is null order by q.since, q.step_id limit p_limit
  loop
    continue when _lock_free_missions(array[v_child.step_id]) = '{}';
    begin
      perform _propose_child(v_child.step_id);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text;
      perform _fail_waits(array[v_child.step_id], array[regexp_replace(v_message, '^OPS_[0-9]+: ', '')],
                          array[_error_code(sqlstate)]);
    end;
  end loop;

  for v_child in
    select c.step_id
      from ops_child_missions c
     cross join lateral (select t.status from ops_mission_proposals t where t.id = c.proposal_id
                          union all select 'gone' limit 1) p
     where c.mission_id is null and p.status not in ('pending', 'voting')
     limit p_limit
  loop
    perform _see_child(v_child.step_id);
  end loop;

  for v_child in
    select c.step_id, c.proposal_id from ops_child_missions c
     where c.abandoned order by c.step_id limit p_limit for update skip locked
  loop
    if _end_child(v_child.proposal_id) then
      delete from ops_child_missions c where c.step_id = v_child.step_id;
    end if;
  end loop;
end;
$$;
