create or replace function _fits(p_text text, p_glob text)
returns boolean
language sql
immutable
parallel safe
as $$
  -- Whether a text fits a field of a filter, a glob; a field that is not set, null, fits all. Of a text the first 1,000
  -- characters are compared: the cost of LIKE grows with the lengths of both, and no signal ends it. Plans 6.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select p_glob is null
      or coalesce(pg_catalog."left"(p_text, 1000) operator(pg_catalog.~~) pg_catalog.replace(pg_catalog.replace(
           pg_catalog.replace(pg_catalog.replace(p_glob, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%'), false);
$$;
