create or replace function _zone_faults(p_zone text)
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- The fault of a time zone that the server does not have by this very name. Reading the list of names takes long; so
-- zones that schedules have already are not looked up.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_zone = 'UTC' or exists (select from ops_schedules s where s.timezone = p_zone)
     or exists (select from pg_timezone_names n where n.name = p_zone) then
    return '{}'::text[];
  end if;
  return array[format('timezone: the server has no time zone %s; give a name such as Europe/Berlin, as select name '
                      'from pg_timezone_names; lists them', quote_literal(p_zone))];
end;
$$;
