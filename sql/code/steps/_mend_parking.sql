create or replace function _mend_parking(p_without_parking uuid[], p_not_waiting uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For the sweep: mends what ops_parked_steps and the steps say differently. A waiting step without a row there waits
-- for a person from now on, whatever its sentence says, as its outcome may be unknown. The row of a step that does not
-- wait is removed. Both are checked again once they are locked.
-- Locks: steps, and rows of ops_parked_steps, SKIP LOCKED. Writes: ops_parked_steps, and what a parked step writes.
-- Raises: nothing.
declare
  v_waiting uuid[];
  v_parked uuid[];
begin
  select array_agg(l.id) into v_waiting
    from (select s.id from ops_mission_steps s
           where s.id = any (p_without_parking) and s.status = 'waiting'
           order by s.id
             for no key update skip locked) l;
  perform _park_steps(array_agg(s.id), 'person', null,
                      array_agg(coalesce(s.wait_reason, 'set to waiting by hand; retry it or resolve it')))
     from ops_mission_steps s
    where s.id = any (v_waiting) and not exists (select from ops_parked_steps p where p.step_id = s.id)
   having count(*) > 0;

  select array_agg(l.step_id) into v_parked
    from (select p.step_id from ops_parked_steps p where p.step_id = any (p_not_waiting) for update skip locked) l;
  perform _unpark_steps(array(
    select n.id
      from unnest(v_parked) n (id)
      left join lateral (select t.status from ops_mission_steps t where t.id = n.id limit 1) s on true
     where s.status is distinct from 'waiting'));
end;
$$;
