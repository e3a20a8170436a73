create or replace function _zone_offsets(p_zone text, p_moments timestamptz[])
returns interval[]
language plpgsql
stable
set search_path from current
as $$
-- How far the clocks of a time zone are ahead of UTC at each of these moments.
-- Locks: none. Writes: nothing. Raises: 22023 for a time zone that the server does not know.
begin
  return array(select (m.at at time zone p_zone) - (m.at at time zone 'UTC')
                 from unnest(p_moments) with ordinality m (at, ord) order by m.ord);
end;
$$;
