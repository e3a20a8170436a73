create or replace function _duty_control()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every turn: the work that pauses and the kill switch leave. It takes void leases back, puts steps
-- back whose pause is lifted, and parks what pauses cover at the front of the queue: 10,000 of each a turn. One
-- heartbeat at a time does this.
-- Locks: an advisory lock, never waiting; those of what it calls. Writes: what it calls writes. Raises: errors not
-- caused by the data.
declare
  v_pause record;
  v_left integer := 10000;
begin
  if not exists (select from ops_control where revoked_epoch < epoch)
     and not exists (select from ops_parked_steps where waits_for = 'pause')
     and not exists (select from ops_pauses where parks)
     or not pg_try_advisory_xact_lock('ops_pauses'::regclass::oid::integer, 0) then
    return;
  end if;
  if exists (select from ops_control where revoked_epoch < epoch) then
    perform _revoke_leases(10000);
  end if;
  for v_pause in
    -- Each scope and target once: one probe of the index for each.
    with recursive parked as (
      (select p.scope, p.target from ops_parked_steps p where p.waits_for = 'pause' order by p.scope, p.target limit 1)
      union all
      select n.scope, n.target
        from parked d
       cross join lateral (select p.scope, p.target from ops_parked_steps p
                            where p.waits_for = 'pause' and (p.scope, p.target) > (d.scope, d.target)
                            order by p.scope, p.target limit 1) n
    )
    select d.scope, d.target from parked d
     where not exists (select from ops_pauses p where p.scope = d.scope and p.target = d.target)
  loop
    v_left := v_left - (select u.requeued + u.still_paused from _resume_steps(v_pause.scope, v_pause.target, v_left) u);
    exit when v_left <= 0;
  end loop;
  if exists (select from ops_pauses where parks) then
    perform _park_front(null, 10000);
  end if;
end;
$$;
