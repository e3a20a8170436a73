create or replace function _resume_steps(p_scope text, p_target text, p_limit integer)
returns table (requeued integer, still_paused integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- After a pause was lifted: puts up to p_limit steps that it parked back into the queue (_resume_part). One on whose
-- data that fails is failed, and stops no other.
-- Locks: ops_parked_steps, then missions of what fails, then steps, SKIP LOCKED. Writes: ops_parked_steps,
-- ops_mission_steps, ops_ready, and what an end writes. Raises: errors not caused by the data.
declare
  c_chunk constant integer := 1000;
  v_after uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_left integer := p_limit;
  v_ids uuid[];
  v_free uuid[];
  v_done record;
begin
  requeued := 0;
  still_paused := 0;
  while v_left > 0 loop
    select array_agg(l.step_id) into v_ids
      from (select p.step_id from ops_parked_steps p
             where p.waits_for = 'pause' and p.scope = p_scope and p.target = p_target and p.step_id > v_after
             order by p.step_id
             limit least(c_chunk, v_left)
               for update skip locked) l;
    exit when v_ids is null;
    v_left := v_left - cardinality(v_ids);
    v_after := v_ids[cardinality(v_ids)];
    v_free := _not_aside(v_ids);
    if v_free is not null then
      select * into v_done from _recover_each('resume', v_free);
      requeued := requeued + v_done.requeued;
      still_paused := still_paused + v_done.held;
    end if;
  end loop;
  return next;
end;
$$;
