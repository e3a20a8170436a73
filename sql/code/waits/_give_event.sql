create or replace function _give_event(
  p_id uuid,
  p_type text,
  p_data jsonb,
  p_emitted_in xid8,
  p_created_at timestamptz,
  p_limit integer,
  out step_ids uuid[],
  out more boolean
)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Gives an event to up to p_limit steps that wait for one of its type, with what they ask for in its data, and that did
-- not begin to listen after it was committed: it is theirs from then on. step_ids: these steps. more: there may be
-- others, or another session has locked the row of one. p_emitted_in is null for an event that ops_events derives; then
-- the time counts, as it does after a restore. Waits that ask alike are found by one look at the index.
-- Locks: ops_event_waits, SKIP LOCKED. Writes: ops_event_waits. Raises: nothing.
declare
  v_form record;
  v_found jsonb;
  v_steps uuid[];
  v_all bigint;
begin
  step_ids := '{}'::uuid[];
  more := false;
  for v_form in
    with recursive glob (type) as (
      (select w.type from ops_event_waits w where w.event_id is null and w.is_glob order by w.type limit 1)
      union all
      select n.type
        from glob g
       cross join lateral (select w.type from ops_event_waits w
                            where w.event_id is null and w.is_glob and w.type > g.type
                            order by w.type limit 1) n
    ), form (type, paths) as (
      select t.type, f.paths
        from (select p_type as type union select g.type from glob g where p_type like _like_pattern(g.type)) t
       cross join lateral (select w.paths from ops_event_waits w
                            where w.event_id is null and w.type = t.type
                            order by w.paths limit 1) f
      union all
      select f.type, n.paths
        from form f
       cross join lateral (select w.paths from ops_event_waits w
                            where w.event_id is null and w.type = f.type and w.paths > f.paths
                            order by w.paths limit 1) n
    )
    select f.type, f.paths from form f
  loop
    select case when bool_and(p_data #> string_to_array(p, '.') is not null) is not false
                then coalesce(jsonb_object_agg(p, p_data #> string_to_array(p, '.')), '{}') end
      into v_found
      from unnest(v_form.paths) p;
    continue when v_found is null;
    exit when cardinality(step_ids) >= p_limit;
    with found as materialized (
      select w.step_id
        from ops_event_waits w
       where w.event_id is null and w.type = v_form.type and w.paths = v_form.paths
         and w.match_hash = jsonb_hash_extended(v_found, 0) and w.match = v_found
         and case when p_emitted_in is null then w.look_back_until is not null and p_created_at > w.since
                  when w.seen is null then p_created_at > w.since
                  else w.began_in <> p_emitted_in and not pg_visible_in_snapshot(p_emitted_in, w.seen) end
       order by w.step_id
       limit p_limit - cardinality(step_ids)
    ), free as (
      select w.step_id from ops_event_waits w
       where w.step_id = any (array(select f.step_id from found f)) and w.event_id is null
       order by w.step_id
         for update skip locked
    ), given as (
      update ops_event_waits w
         set event_id = p_id, data = p_data
        from free f
       -- Plans 2
       where w.step_id = f.step_id and w.step_id = any (array(select o.step_id from free o))
      returning w.step_id
    )
    select array(select g.step_id from given g), (select count(*) from found) into v_steps, v_all;
    step_ids := step_ids || v_steps;
    more := more or v_all > cardinality(v_steps);
  end loop;
  more := more or cardinality(step_ids) >= p_limit;
end;
$$;
