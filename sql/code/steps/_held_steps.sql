create or replace function _held_steps(p_step_ids uuid[], p_special uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: those of its steps that it would have to wait for, as another session holds the step, or the mission
-- that is to be started; of p_special, which may have to be failed or parked, any mission. The others are free: a row
-- that nobody has locked since it was written has xmax 0, and only rows with another one are tried.
-- Locks: of the rows with another xmax those that are free, missions, then steps, SKIP LOCKED. Writes: nothing.
-- Raises: nothing.
declare
  v_steps uuid[];
  v_missions uuid[];
begin
  select array_agg(distinct m.id)
           filter (where m.xmax <> '0'::xid and (m.status = 'approved' or s.id = any (p_special))),
         array_agg(s.id) filter (where s.locker <> '0'::xid)
    into v_missions, v_steps
    from (select t.id, t.mission_id, t.xmax as locker from ops_mission_steps t where t.id = any (p_step_ids) offset 0) s
   -- Plans 1
   cross join lateral (select n.id, n.status, n.xmax from ops_missions n where n.id = s.mission_id limit 1) m;
  if v_missions is null and v_steps is null then
    return '{}';
  end if;
  v_missions := array(
    select w.id from unnest(v_missions) w (id)
    except
    select l.id from (select n.id from ops_missions n where n.id = any (v_missions)
                       order by n.id for no key update skip locked) l);
  v_steps := array(
    select w.id from unnest(v_steps) w (id)
    except
    select l.id from (select t.id from ops_mission_steps t where t.id = any (v_steps)
                       order by t.id for no key update skip locked) l);
  return array(select s.id from ops_mission_steps s
                where s.id = any (p_step_ids) and (s.mission_id = any (v_missions) or s.id = any (v_steps)));
end;
$$;
