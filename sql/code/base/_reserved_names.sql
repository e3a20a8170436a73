create or replace function _reserved_names(p_kind text)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The names that are the loop's own, as patterns of LIKE: what a login may not call an event, a lock, a dead letter or
-- a replay, the source of a proposal, and what a dedupe key may not be. One list, as a name that is missing in it lets
-- a login stand in the way of the loop: its own row of that name is then dropped, or waits.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case p_kind
    when 'event type' then '{heartbeat:%,proposal:%,mission:%,step:%,dead_letter:%}'
    when 'lock' then '{heartbeat:%}'
    when 'message' then '{step:%,reaction:%,outbox:%}'
    when 'source' then '{trigger,step:%,schedule:%}'
    when 'key' then '{opsloop:%,schedule:%}'
  end::text[];
end;
$$;
