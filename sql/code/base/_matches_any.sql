create or replace function _matches_any(p_text text, p_globs jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a text matches a glob, or one of a list of globs; only * is special and stands for any characters.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return exists (
    select from jsonb_array_elements_text(
             case jsonb_typeof(p_globs) when 'array' then p_globs else jsonb_build_array(p_globs) end) g
     where p_text like _like_pattern(g));
end;
$$;
