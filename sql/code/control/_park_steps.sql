create or replace function _park_steps(
  p_step_ids uuid[],
  p_waits_for text,
  p_codes text[],
  p_reasons text[],
  p_scopes text[] default null,
  p_targets text[] default null,
  p_untils timestamptz[] default null
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Parks steps: status waiting, a row that says what each waits for, and wait_reason, the sentence made of it. A step
-- that waits for a person is in the inbox by that row, and emits step:<kind>:waiting. p_codes and p_reasons have an
-- entry for each step; so have p_scopes and p_targets where they are given, and p_untils: when each goes on by itself,
-- for which a timer is set. A step that is parked already waits for this from now on.
-- The caller holds the locks of the steps, and has taken them out of the queue or from their workers.
-- Locks: ops_parked_steps. Writes: ops_mission_steps, ops_parked_steps, ops_timers, ops_agent_events, ops_ready.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  update ops_mission_steps s
     set status = 'waiting', wait_reason = concat_ws(': ', c.code, c.reason), updated_at = v_now
    from unnest(p_step_ids, p_codes, p_reasons) c (id, code, reason)
   -- Plans 2
   where s.id = c.id and s.id = any (p_step_ids);
  insert into ops_parked_steps (step_id, waits_for, scope, target, until, since, code, rules_version)
  select c.id, p_waits_for, c.scope, c.target, c.until, v_now, c.code,
         case when p_waits_for = 'person' then (select y.version from ops_policy y where y.key = 'approval_rules') end
    from unnest(p_step_ids, p_codes, p_scopes, p_targets, p_untils) c (id, code, scope, target, until)
   order by c.id
  on conflict (step_id) do update
    set waits_for = excluded.waits_for, scope = excluded.scope, target = excluded.target, until = excluded.until,
        since = excluded.since, code = excluded.code, rules_version = excluded.rules_version;
  if p_untils is not null then
    insert into ops_timers (due_at, step_ids)
    select c.until, array_agg(c.id)
      from unnest(p_step_ids, p_untils) c (id, until) where c.until is not null group by c.until;
    -- Those that beat no more have to know when there is something to do.
    perform _wake_sleepers();
  end if;
  if p_waits_for = 'person' then
    perform _emit_loop_events(
              array_agg('step:' || s.kind || ':waiting' order by s.id),
              array_agg(_step_event(s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, null, null) - 'result'
                        || jsonb_build_object('reason', s.wait_reason) order by s.id),
              array_agg(s.mission_id order by s.id), array_agg(s.depth order by s.id))
       from ops_mission_steps s
      where s.id = any (p_step_ids);
  end if;
end;
$$;
