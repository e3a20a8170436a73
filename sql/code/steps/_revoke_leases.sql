create or replace function _revoke_leases(p_limit integer)
returns table (revoked integer, held integer, remaining integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Takes up to p_limit steps back whose lease is void since the kill switch raised the epoch. revoked: how many; held:
-- how many of these wait for a person, as it is unknown how far they came; remaining: how many could not be locked. It
-- need not find all: reports of the others are refused, and their timers bring them back. When none is left and no
-- transaction from before the kill is open, heartbeats stop looking.
-- Locks: missions, then steps, SKIP LOCKED; ops_control, SKIP LOCKED. Writes: what _recover_each writes; ops_control.
-- Raises: errors not caused by the data.
declare
  c_batch constant integer := 1000;
  v_control ops_control;
  v_open boolean;
  v_ids uuid[];
begin
  select * into v_control from ops_control;
  -- Read before the snapshot that finds what these transactions committed.
  v_open := exists (select from pg_locks l
                     where l.locktype = 'advisory' and l.classid = 'ops_control'::regclass and l.objid in (2, 4)
                       and l.objsubid = 2 and l.granted and l.virtualtransaction = any (v_control.stragglers));
  v_ids := coalesce(_not_aside(_running_steps(p_limit, v_control.epoch)), '{}');
  for v_from in 0 .. cardinality(v_ids) - 1 by c_batch loop
    perform _recover_each('stale', v_ids[v_from + 1 : v_from + c_batch]);
  end loop;
  select count(*) filter (where s.status <> 'running'), count(*) filter (where s.status = 'waiting'),
         count(*) filter (where s.status = 'running')
    into revoked, held, remaining
    from ops_mission_steps s where s.id = any (v_ids);
  if cardinality(v_ids) < p_limit and remaining = 0 and not v_open then
    update ops_control set revoked_epoch = v_control.epoch, stragglers = '{}'
     where ctid = any (array(select c.ctid from ops_control c
                              where c.epoch = v_control.epoch and c.revoked_epoch < c.epoch for update skip locked));
  end if;
  return next;
end;
$$;
