create or replace function fn_apply_schedules(p_schedules jsonb, p_actor text default null, p_reason text default null)
returns table (name text, change text)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Makes the schedules of a policy file those that are there: sets each, and deletes those that a file set and this one
-- leaves out. Schedules that were set otherwise stay, but for one of the same name, which is the file's from now on.
-- Locks: schedules, in order of name. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP024 with
-- every fault, OP031, OP045 for what is too large.
declare
  v_faults text[];
  v_entry record;
begin
  perform _check_template('p_schedules', coalesce(p_schedules, 'null'), 'policy_bytes');
  v_faults := case when jsonb_typeof(p_schedules) is distinct from 'array' then array['schedules: must be an array']
                   when jsonb_array_length(p_schedules) > 1000 then array['schedules: must hold at most 1000 entries']
              end;
  v_faults := coalesce(v_faults, (
    select array_agg(format('schedules[%s].%s', e.ord - 1, f.fault) order by e.ord)
      from jsonb_array_elements(p_schedules) with ordinality e (entry, ord)
     cross join lateral unnest(_schedule_faults(e.entry ->> 'name', e.entry)) f (fault)), (
    select array_agg(format('schedules: %s stands there twice', d.name) order by d.name)
      from (select e ->> 'name' as name from jsonb_array_elements(p_schedules) e group by 1 having count(*) > 1) d));
  if v_faults is not null then
    perform _refuse_schedule(v_faults);
  end if;
  for v_entry in
    select coalesce(s.name, e.entry ->> 'name') as name, e.entry - 'name' as schedule
      from jsonb_array_elements(p_schedules) e (entry)
      full join (select o.name from ops_schedules o where o.from_file) s on s.name = e.entry ->> 'name'
     order by 1
  loop
    name := v_entry.name;
    if v_entry.schedule is null then
      perform _delete_schedule(name, p_actor, p_reason);
      change := 'deleted';
    else
      change := case when _set_schedule(name, v_entry.schedule, p_actor, p_reason, true) then 'set'
                     else 'unchanged' end;
    end if;
    return next;
  end loop;
end;
$$;
comment on function fn_apply_schedules(jsonb, text, text) is
  'Puts the schedules of a policy file ([{"name", …}]) in force, all or nothing, as p_actor (default: the login): set, '
  'unchanged or deleted, which are those that a file set before and this one leaves out. OPS_024 names every fault, '
  'OPS_045 what is too large.';
