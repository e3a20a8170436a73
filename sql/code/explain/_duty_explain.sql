create or replace function _duty_explain(p_limit integer default 5000)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: holds shadows against what was proposed, or emitted, since they were last
-- judged, p_limit proposals or events at most, and then not again for twenty times as long as that took. Only what
-- nothing can be added to any more is judged: ten seconds old, when every transaction that was in progress then has
-- ended. Costs one look where there are none.
-- Locks: the shadows, SKIP LOCKED. Writes: ops_policy_shadows, ops_shadow_counts, ops_shadow_decisions. Raises:
-- nothing.
declare
  c_kept constant integer := 10000;
  v_now constant timestamptz := _now();
  v_began timestamptz;
  v_shadow ops_policy_shadows;
  v_is_done boolean;
  v_upto timestamptz;
begin
  for v_shadow in
    select s.* from ops_policy_shadows s where s.next_at <= v_now order by s.key for update skip locked
  loop
    v_began := clock_timestamp();
    v_is_done := true;
    -- A number that this server has not reached yet is of another one, before a restore.
    if v_shadow.ticket <= pg_snapshot_xmax(pg_current_snapshot()) then
      continue when exists (select from pg_snapshot_xip(pg_current_snapshot()) x where x < v_shadow.ticket);
      if v_shadow.key = 'reaction_matrix' then
        -- Up to the first that still waits to be compared or proposed.
        v_upto := least(v_shadow.next_to, (
          select coalesce(min(f.emitted_at) filter (where not f.is_settled),
                          max(f.emitted_at) filter (where f.nth = p_limit) + interval '1 microsecond')
            from (select e.emitted_at, e.is_settled, row_number() over (order by e.emitted_at) as nth
                    from _events_between(v_shadow.judged_to, v_shadow.next_to,
                                         _watched_types(v_shadow.value) || _watched_types(_policy('reaction_matrix')),
                                         null) e) f
           where f.nth <= p_limit));
      else
        v_upto := least(v_shadow.next_to, (
          select p.created_at + interval '1 microsecond'
            from ops_mission_proposals p
           where p.created_at >= v_shadow.judged_to and p.created_at < v_shadow.next_to
           order by p.created_at
          offset p_limit - 1
           limit 1));
      end if;
      with judged as materialized (
        select * from _shadowed_decisions(v_shadow.key, v_shadow.value, v_shadow.judged_to, v_upto)
      ), kept as (
        insert into ops_shadow_decisions (key, old_outcome, new_outcome, proposal_id, event_id, pattern, title, source,
                                          decided_at, rule, reason)
        select v_shadow.key, j.old_outcome, j.new_outcome, j.proposal_id, j.event_id, j.pattern, j.title, j.source,
               j.decided_at, j.rule, j.reason
          from judged j
         where j.old_outcome <> j.new_outcome
         order by j.decided_at, j.proposal_id, j.event_id, j.pattern
      )
      insert into ops_shadow_counts as c (key, old_outcome, new_outcome, decisions)
      select v_shadow.key, j.old_outcome, j.new_outcome, count(*) from judged j group by j.old_outcome, j.new_outcome
      on conflict on constraint ops_shadow_counts_pkey do update set decisions = c.decisions + excluded.decisions;
      delete from ops_shadow_decisions d
       where d.key = v_shadow.key
         and d.id <= (select o.id from ops_shadow_decisions o where o.key = v_shadow.key
                       order by o.id desc offset c_kept limit 1);
      v_shadow.judged_to := v_upto;
      v_is_done := v_upto = v_shadow.next_to;
    end if;
    update ops_policy_shadows s
       set judged_to = v_shadow.judged_to,
           next_to = case when v_is_done then greatest(v_now - interval '10 seconds', v_shadow.judged_to)
                          else s.next_to end,
           ticket = case when v_is_done then pg_snapshot_xmax(pg_current_snapshot()) else s.ticket end,
           next_at = v_now + 20 * (clock_timestamp() - v_began)
     where s.key = v_shadow.key;
  end loop;
end;
$$;
