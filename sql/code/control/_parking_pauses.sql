create or replace function _parking_pauses(p_step_ids uuid[], p_rendered jsonb default '{}')
returns table (step_id uuid, scope text, target text)
language plpgsql
stable
set search_path from current
as $$
-- The steps among these that a pause parks, each with the oldest such pause that covers it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select distinct on (c.step_id) c.step_id, c.scope, c.target
    from _covering_pauses(p_step_ids, p_rendered) with ordinality c (step_id, scope, target, parks, nth)
   where c.parks
   order by c.step_id, c.nth;
end;
$$;
