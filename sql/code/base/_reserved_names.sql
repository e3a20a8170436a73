create or replace function _reserved_names(p_kind text)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The names that are the loop's own, as patterns of LIKE: a login may not give them to an event, a lock, a dead letter,
-- a replay, the source of a proposal or a dedupe key. A name that is missing here lets a login block the
-- loop: the loop's own row of that name is then dropped, or waits.
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
