create or replace function _explain_closed(
  p_step ops_mission_steps,
  p_params jsonb,
  p_worker_policy jsonb,
  p_versions text
)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Reasons that keep every claim from a step, besides those for which it waits: pauses, a session that holds its rows, a
-- setting that blocks its executor, and that no live worker offers the executor; one of kind wait or mission needs
-- none. p_params: its params, placeholders filled.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_blocked record;
  v_workers text;
  v_holder record;
begin
  return query select 'pause', null::text, p.detail, p.frees from _explain_pauses(p_step.id, p_params) p;
  if p_step.status <> 'running' then
    select h.name, h.since, h.remedy into v_holder
      from _row_holder(array(select m.xmax from ops_missions m where m.id = p_step.mission_id and m.xmax <> '0'::xid
                             union
                             select s.xmax from ops_mission_steps s where s.id = p_step.id and s.xmax <> '0'::xid),
                       array['ops_missions'::regclass, 'ops_mission_steps'::regclass]) h;
    if found then
      reason := 'session';
      code := 'OPS_031';
      detail := format('%s holds its rows%s, and every claim passes it by', v_holder.name,
                       ' since ' || date_trunc('second', v_holder.since)::text);
      frees := v_holder.remedy;
      return next;
    end if;
  end if;
  if p_step.kind in ('wait', 'mission') or p_step.on_turn ? 'spread' then
    return;
  end if;
  v_blocked := _executor_blocked(p_step.executor, p_worker_policy);
  if v_blocked.rule is not null then
    reason := 'policy';
    code := 'OPS_003';
    detail := format('no claim takes executor %s: worker_policy.%s (%s)', p_step.executor, v_blocked.rule, p_versions);
    frees := _policy_statement('worker_policy', v_blocked.changes);
    return next;
  end if;
  if not exists (select from ops_workers_seen w where w.live_until > v_now and w.executors ? p_step.executor) then
    select string_agg(format('%s (%s)', w.worker_id,
                             (select string_agg(e, ', ' order by e) from jsonb_object_keys(w.executors) e)), '; ')
      into v_workers
      from (select l.worker_id, l.executors from ops_workers_seen l
             where l.live_until > v_now order by l.worker_id limit 5) w;
    reason := 'no_worker';
    code := 'OPS_005';
    detail := format('no live worker offers executor %s; %s; start one: opsloop worker --executors %s', p_step.executor,
                     coalesce('there are ' || v_workers, 'there is no live worker at all'), p_step.executor);
    frees := format('select * from %I.fn_missing_executors();', current_schema());
    return next;
  end if;
end;
$$;
