create or replace function _park_until(p_step_ids uuid[], p_scope text, p_types text[], p_untils timestamptz[])
returns void
language plpgsql
set search_path from current
as $$
-- Parks steps that wait for an event of these types or, without them, for a time. The caller holds their missions.
-- Locks: ops_parked_steps. Writes: ops_mission_steps, ops_parked_steps, ops_timers. Raises: nothing.
begin
  perform _park_steps(
    p_step_ids, case when p_types is null then 'time' else 'event' end, null,
    array(select concat_ws(', ', 'it waits for the event ' || n.type,
                           case when n.type is null then 'it goes on at ' else 'until ' end
                           || to_char(n.until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')
            from unnest(p_types, p_untils) with ordinality n (type, until, nth) order by n.nth),
    array_fill(p_scope, array[cardinality(p_step_ids)]), p_types, p_untils);
end;
$$;
