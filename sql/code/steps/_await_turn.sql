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
-- Locks: ops_parked_steps, and what _listen locks. Writes: ops_mission_steps, ops_parked_steps, ops_event_waits,
-- ops_timers, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_left uuid[] := _await_approvals(p_step_ids);
  v_delayed uuid[];
  v_untils timestamptz[];
  v_waits uuid[];
  v_lists uuid[];
  v_parents uuid[];
begin
  if v_left is null or not exists (select from ops_mission_steps s where s.id = any (v_left) and s.on_turn is not null)
  then
    return v_left;
  end if;
  select array_agg(d.id), array_agg(d.until) into v_delayed, v_untils
    from (select s.id, max(_moment(a, v_now)) as until
            from ops_mission_steps s
           cross join jsonb_array_elements(s.on_turn -> 'run_after') a
           where s.id = any (v_left) and s.attempt = 0 and not p_is_due
           group by s.id) d
   where d.until > v_now;
  if v_delayed is not null then
    perform _park_until(v_delayed, 'run_after', null, v_untils);
    v_left := array(select i from unnest(v_left) i where i <> all (v_delayed));
  end if;
  v_lists := array(select s.id from ops_mission_steps s
                    where s.id = any (v_left) and s.on_turn ?| array['for_each', 'spread'] order by s.id);
  if v_lists <> '{}' then
    perform _park_until(v_lists, 'for_each', null, array_fill(v_now, array[cardinality(v_lists)]));
    v_left := array(select i from unnest(v_left) i where i <> all (v_lists));
  end if;
  v_parents := array(select s.id from ops_mission_steps s
                      where s.id = any (v_left) and s.on_turn is not null and s.kind = 'mission' order by s.id);
  if v_parents <> '{}' then
    perform _park_steps(v_parents, 'event', null, array_fill(text 'it waits for a mission of its own',
                                                             array[cardinality(v_parents)]),
                        array_fill(text 'mission', array[cardinality(v_parents)]));
    perform _wake_sleepers();
    v_left := array(select i from unnest(v_left) i where i <> all (v_parents));
  end if;
  v_waits := array(select s.id from ops_mission_steps s
                    where s.id = any (v_left) and s.on_turn is not null and s.kind = 'wait' order by s.id);
  if v_waits <> '{}' then
    perform _begin_to_wait(v_waits);
    v_left := array(select i from unnest(v_left) i where i <> all (v_waits));
  end if;
  return nullif(v_left, '{}');
end;
$$;
