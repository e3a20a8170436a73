create or replace function _act_on_each(
  p_act text,
  p_filter jsonb,
  p_ids uuid[],
  p_actor text,
  p_reason text default null,
  p_outcome text default null
)
returns table (id uuid, mission_id uuid, title text, was text, ok boolean, status text, code text, reason text)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Retries (fn_retry_step) or resolves (fn_resolve_step) each of these steps, or cancels (fn_cancel_mission) each of
-- these missions, one refused alone: ok and its new status, or the code and the message why not. p_filter has matched
-- them before they were locked: one that another session has changed since, so that it does not match any more, is left
-- alone and has no row. Waits for no lock: a row that another session holds is refused with OPS_031, which names it.
-- Since it holds all their missions until the caller commits, it ends after 50 ms, and gives rows only for those that
-- it came to. Steps that only failed are retried together, some at a time.
-- Locks: the missions, then their steps in id order, SKIP LOCKED. Writes: what the act writes. Raises: what is no fault
-- of one of them.
declare
  c_longest constant interval := interval '50 milliseconds';
  v_began constant timestamptz := clock_timestamp();
  c_share constant integer := 20;
  v_free uuid[];
  v_still uuid[];
  v_plain uuid[] := '{}';
  v_done jsonb := '{}';
  v_is_answered boolean := false;
  v_one record;
begin
  v_free := _lock_free_missions(case p_act
    when 'cancel' then array(select s.id
                               from unnest(p_ids) n (id)
                              cross join lateral (select t.id from ops_mission_steps t
                                                  where t.mission_id = n.id limit 1) s)
    else p_ids end);
  p_filter := p_filter || jsonb_build_object('ids', p_ids);
  v_still := case p_act when 'cancel' then _matching_missions(p_filter, cardinality(p_ids), 1000000)
                        else _matching_steps(p_filter, cardinality(p_ids), 1000000) end;
  p_ids := array(
    select n.id from unnest(p_ids) with ordinality n (id, nth)
     where n.id = any (v_still)
        or coalesce((select s.mission_id from ops_mission_steps s where s.id = n.id), n.id) <> all (v_free)
     order by n.nth);
  if p_act = 'retry' then
    v_plain := array(select s.id
                       from ops_mission_steps s
                      where s.id = any (p_ids) and s.mission_id = any (v_free) and s.status in ('failed', 'cancelled')
                      order by s.id desc);
  end if;
  for v_nth in 0 .. (cardinality(v_plain) - 1) / c_share loop
    exit when v_plain = '{}' or clock_timestamp() - v_began > c_longest;
    begin
      v_done := v_done || _retry_plain(v_plain[v_nth * c_share + 1 : (v_nth + 1) * c_share], p_actor);
    exception when others or assert_failure then
      -- Each for itself, below: the one at fault is refused alone.
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
    end;
  end loop;
  for v_one in
    select n.id, m.id as mission_id, coalesce(s.key, m.title) as title, coalesce(s.status, m.status) as was,
           m.xmax as locker, s.locker as step_locker
      from unnest(p_ids) with ordinality n (id, nth)
      left join lateral (select t.key, t.status, t.mission_id, t.xmax as locker from ops_mission_steps t
                          where t.id = n.id and p_act <> 'cancel' limit 1) s on true
      left join lateral (select t.id, t.title, t.status, t.xmax from ops_missions t
                          where t.id = case when p_act = 'cancel' then n.id else s.mission_id end limit 1) m on true
     order by n.nth
  loop
    id := v_one.id;
    mission_id := v_one.mission_id;
    title := v_one.title;
    was := v_one.was;
    ok := false;
    status := null;
    code := null;
    reason := null;
    if v_done ? id::text then
      ok := true;
      status := v_done ->> id::text;
      return next;
      continue;
    end if;
    continue when clock_timestamp() - v_began > c_longest and (v_is_answered or v_done <> '{}');
    v_is_answered := true;
    if mission_id <> all (v_free)
       and exists (select from ops_mission_steps s where s.mission_id = v_one.mission_id) then
      code := 'OPS_031';
      reason := format('OPS_031: somebody is at it: mission %s is held by %s', mission_id, coalesce(
        (select h.name || ', to end it: ' || h.remedy
           from _row_holder(array(select v_one.locker
                                  union select s.xmax from ops_mission_steps s where s.mission_id = v_one.mission_id),
                            array['ops_missions'::regclass, 'ops_mission_steps'::regclass]) h),
        'a transaction that has ended by now'));
    else
      begin
        status := case p_act
          when 'retry' then fn_retry_step(id, p_actor)
          when 'resolve' then fn_resolve_step(id, p_outcome, p_actor, p_reason)
          else fn_cancel_mission(id, p_actor, p_reason) end;
        ok := true;
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        code := _error_code(sqlstate);
        get stacked diagnostics reason = message_text;
      end;
    end if;
    return next;
  end loop;
end;
$$;
