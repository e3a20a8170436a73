create or replace function _await_turn(p_step_ids uuid[], p_is_due boolean default false)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Of steps whose turn has come, parks those that are not for a worker yet: persons must approve them first, or they
-- wait, all without worker and lease. Returns the others, null where there are none. p_is_due: their run_after is over.
-- An attempt that began has had it, too. The caller holds their missions.
-- Locks: ops_parked_steps. Writes: ops_mission_steps, ops_parked_steps, ops_timers, ops_agent_events, ops_ready.
-- Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_left uuid[] := _await_approvals(p_step_ids);
  v_waiting record;
begin
  if v_left is null or not exists (select from ops_mission_steps s where s.id = any (v_left) and s.on_turn is not null)
  then
    return v_left;
  end if;
  for v_waiting in
    select w.scope, array_agg(w.id) as ids, array_agg(w.until) as untils,
           array_agg(format('it goes on at %s UTC', to_char(w.until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')))
             as reasons
      from (select s.id, case when d.until > v_now then 'run_after' else 'wait' end as scope,
                   case when d.until > v_now then d.until else coalesce(t.until, v_now) end as until
              from ops_mission_steps s
             cross join lateral (
               select max(_moment(a, v_now)) as until
                 from jsonb_array_elements(s.on_turn -> 'run_after') a
                where not p_is_due and s.attempt = 0) d
              left join lateral _wait_terms(s.id, v_now) t on s.kind = 'wait' and (d.until > v_now) is not true
             where s.id = any (v_left) and s.on_turn is not null and (s.kind = 'wait' or d.until > v_now)) w
     group by w.scope
  loop
    perform _park_steps(v_waiting.ids, 'time', null, v_waiting.reasons,
                        array_fill(v_waiting.scope, array[cardinality(v_waiting.ids)]), null, v_waiting.untils);
    v_left := array(select i from unnest(v_left) i where i <> all (v_waiting.ids));
  end loop;
  return nullif(v_left, '{}');
end;
$$;
