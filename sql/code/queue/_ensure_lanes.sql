create or replace function _ensure_lanes(p_executors text[], p_priorities smallint[], p_are_new boolean default false)
returns integer[]
language plpgsql
set search_path from current
as $$
-- Called before steps are put into the queue: announces the transaction, returns the lane of each of these executors
-- and priorities (null for no executor), and makes lanes that are missing. Two transactions at once may each make a
-- lane for the same executor and priority. That does no harm, while a unique index would make one wait for the end of
-- the other. p_are_new: size_limits.lanes bounds the lanes; steps that exist already are never refused.
-- The transaction is announced before it reads a lane: so _duty_queue knows that it may put rows there. Above read
-- committed the lane is locked too, as its closing may be newer than the snapshot.
-- The one routine that makes relations while the loop runs: the mark of a lane must be a sequence, because a row that
-- each move updates would leave dead tuples under a held snapshot, and every claim reads the mark.
-- Locks: the announcement. Writes: ops_lanes and a sequence for its mark, seldom. Raises: OP045 for too many lanes;
-- 40001 above read committed, when a lane was closed since the snapshot.
declare
  v_is_late constant boolean := current_setting('transaction_isolation') <> 'read committed';
  v_lanes integer[] := '{}'::integer[];
  v_lane integer;
  v_most integer;
  v_mark text;
  v_grantee oid;
begin
  perform _announce();
  for v_nth in 1 .. coalesce(cardinality(p_executors), 0) loop
    -- Mostly the same as of the entry before.
    if v_nth = 1 or (p_executors[v_nth], p_priorities[v_nth])
                    is distinct from (p_executors[v_nth - 1], p_priorities[v_nth - 1]) then
      select min(l.lane) into v_lane
        from ops_lanes l
       where l.queue = 'steps' and l.executor = p_executors[v_nth] and l.priority = p_priorities[v_nth]
         and l.closing is null;
      if v_is_late and v_lane is not null then
        perform from ops_lanes l where l.lane = v_lane for share;
      end if;
      if v_lane is null and p_executors[v_nth] is not null then
        v_most := case when p_are_new then (_size_limits() ->> 'lanes')::integer end;
        if v_most <= (select count(*) from ops_lanes l where l.queue = 'steps') then
          raise exception using errcode = 'OP045',
            message = format('OPS_045: a lane for executor %s at priority %s would be one more than the limit of %s',
                             p_executors[v_nth], p_priorities[v_nth], v_most),
            detail = jsonb_build_object('executor', p_executors[v_nth], 'priority', p_priorities[v_nth],
                                        'limit', v_most, 'setting', 'size_limits.lanes')::text,
            hint = 'Use fewer executors and priorities, or raise size_limits.lanes. The heartbeat drops lanes that '
                   'were empty for an hour.';
        end if;
        v_lane := nextval('ops_lane_seq');
        v_mark := 'ops_lane_mark_' || v_lane::text;
        execute format('create sequence %I minvalue 0 owned by ops_lanes.lane', v_mark);
        -- Default privileges of the database may have granted rights on it; a login that moves a mark hides steps.
        for v_grantee in
          select distinct a.grantee
            from pg_class c
           cross join lateral aclexplode(c.relacl) a
           where c.oid = v_mark::regclass and a.grantee <> c.relowner
        loop
          execute format('revoke all on sequence %I from ' || case v_grantee when 0 then 'public' else '%I' end,
                         v_mark, pg_get_userbyid(v_grantee));
        end loop;
        insert into ops_lanes (lane, queue, executor, priority, mark)
        values (v_lane, 'steps', p_executors[v_nth], p_priorities[v_nth], v_mark::regclass);
      end if;
    end if;
    v_lanes[v_nth] := v_lane;
  end loop;
  return v_lanes;
end;
$$;
