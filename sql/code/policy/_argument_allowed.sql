create or replace function _argument_allowed(p_argument text, p_globs jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether an argument of a command matches a glob, or one of a list of globs, of command_allow. Only * is special and
-- stands for any characters of one argument. An argument that begins with - is an option, and matches only a glob that
-- begins with - itself. A {{steps.…}} that is not filled yet matches * alone; the claim judges the filled value.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_is_open constant boolean := p_argument ~ E'^\\{\\{\\s*(steps|event)\\.[^{}]*\\}\\}$';
begin
  return exists (
    select from jsonb_array_elements_text(
             case jsonb_typeof(p_globs) when 'array' then p_globs else jsonb_build_array(p_globs) end) g
     where case when v_is_open then g = '*'
                else g = p_argument or (p_argument like _like_pattern(g) and (left(p_argument, 1) <> '-'
                                                                              or left(g, 1) = '-')) end);
end;
$$;
