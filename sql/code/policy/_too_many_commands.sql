create or replace function _too_many_commands(p_steps ops_template_step[], p_command_allow jsonb)
returns integer[]
language plpgsql
immutable
set search_path from current
set jit = off
as $$
-- Those templates, by the no of their steps, whose commands have too many different arguments to be compared with the
-- globs in the lists of command_allow: that would take longer than a second or two. 64 characters of an argument count
-- as one more. Null when there are none.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant bigint := 25000000;
  v_globs bigint;
begin
  if not exists (select from unnest(p_steps) s where s.executor = 'command') then
    return null;
  end if;
  select sum(jsonb_array_length(l.list)) into v_globs
    from (select distinct e -> -1 as list
            from jsonb_array_elements(nullif(p_command_allow, 'null')) e
           where jsonb_typeof(e -> -1) = 'array') l;
  return (
    with large as materialized (
      -- An argument has three bytes at least, a comma among them.
      select s.no from unnest(p_steps) s
       where s.executor = 'command'
       group by s.no
      having sum(octet_length(s.params::text)) / 3 * v_globs > c_most
    )
    select array_agg(t.no)
      from (select a.no
              from (select distinct s.no, w.word
                      from unnest(p_steps) s
                      join large l on l.no = s.no
                     cross join lateral jsonb_array_elements_text(
                       case jsonb_typeof(s.params -> 'argv') when 'array' then s.params -> 'argv' else '[]' end) w
                       (word)
                     where s.executor = 'command') a
             group by a.no
            having sum(1 + octet_length(a.word) / 64) * v_globs > c_most) t);
end;
$$;
