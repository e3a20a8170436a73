create or replace function _health_approvals(p_state jsonb)
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: what waits for a person, and decisions open for review. p_state is the row of
-- _present_state().
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_oldest timestamptz;
  v_glass record;
begin
  select min(o.at) into v_oldest
    from ((select p.created_at as at from ops_mission_proposals p
            where p.status in ('pending', 'voting') and p.gate_after is null order by p.created_at limit 1)
          union all
          (select w.since from ops_parked_steps w where w.waits_for = 'person' order by w.since limit 1)) o;
  select count(*) filter (where l.is_open) as open, count(*) filter (where l.is_overdue) as overdue into v_glass
    from fn_list_break_glass(1000) l;
  return query
  values
    ('opsloop_inbox_oldest_seconds', extract(epoch from _time_between(v_oldest, v_now)),
     format('%s proposals, %s steps%s', p_state ->> 'waiting_proposals', p_state ->> 'waiting_steps',
            ', the oldest ' || date_trunc('second', _time_between(v_oldest, v_now))::text)),
    ('opsloop_glass_reviews_level', case when v_glass.overdue > 0 then 2 when v_glass.open > 0 then 1 else 0 end,
     format('%s open, %s overdue', v_glass.open, v_glass.overdue)),
    ('opsloop_inbox_proposals', (p_state ->> 'waiting_proposals')::numeric, null),
    ('opsloop_inbox_steps', (p_state ->> 'waiting_steps')::numeric, null);
end;
$$;
