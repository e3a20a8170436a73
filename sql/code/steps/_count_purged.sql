create or replace function _count_purged(p_steps uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Counts the attempts of these steps that are not counted yet, before they are purged in the same transaction.
-- Locks: ops_attempt_fold, if one of them ended lately, so that nobody else counts them. Writes: ops_attempt_counts,
-- ops_counts. Raises: nothing.
declare
  v_fold record;
  v_xid bigint;
begin
  if not exists (select from ops_action_runs r
                  where r.step_id = any (p_steps)
                    and r.completed_at >= (select least(f.counted_until, f.looked_at) - interval '1 minute'
                                             from ops_attempt_fold f)) then
    return;
  end if;
  select * into v_fold from ops_attempt_fold for update;
  v_xid := v_fold.counted_below::text::numeric % 4294967296;
  perform _add_attempts(array_agg(s.kind), array_agg(r.executor), array_agg(r.status),
                        array_agg(case when isfinite(r.started_at) and isfinite(r.completed_at)
                                       then extract(epoch from r.completed_at - r.started_at) end))
     from ops_action_runs r
     left join lateral (select x.kind from ops_mission_steps x where x.id = r.step_id limit 1) s on true
    where r.step_id = any (p_steps)
      and (r.completed_at >= v_fold.counted_until
           or mod(r.xmin::text::bigint - v_xid + 6442450944, 4294967296) >= 2147483648)
   having count(*) > 0;
end;
$$;
