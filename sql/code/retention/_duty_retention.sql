create or replace function _duty_retention()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: a quarter of a second of retention where there is a document, and a new round a
-- minute after the last. And what is tidied without one, as it says nothing any more: cooldowns of patterns that are
-- gone and began a day ago.
-- Locks: those of _apply_retention; rows of ops_pattern_cooldowns, SKIP LOCKED. Writes: what _apply_retention writes,
-- and these. Raises: errors not caused by the data.
declare
  v_now constant timestamptz := _now();
begin
  if _policy('retention') <> '{}'
     and not coalesce((select bool_and(r.ended_at between v_now - interval '1 minute' and v_now)
                         from ops_retention r where r.part <> 'keys'), false) then
    perform _apply_retention(10000, interval '0.25 seconds');
  end if;
  delete from ops_pattern_cooldowns c
   where c.ctid = any (array(
     select o.ctid from ops_pattern_cooldowns o
      where o.fired_at < v_now - interval '1 day'
        and o.pattern not in (select p ->> 'name'
                                from jsonb_array_elements(coalesce(_policy('reaction_matrix') -> 'patterns', '[]')) p
                               where p ? 'name')
      limit 1000
        for update skip locked));
end;
$$;
