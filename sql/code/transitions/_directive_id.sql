create or replace function _directive_id(p_sd_id text)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The id of the directive that p_sd_id names: an id, else an sd_key; null when there is none. Both spellings lead to
-- one row, and so to one lock.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_id text;
begin
  select d.id into v_id from strategic_directives d where d.id = p_sd_id;
  if not found then
    select d.id into v_id from strategic_directives d where d.sd_key = p_sd_id;
  end if;
  return v_id;
end;
$$;
