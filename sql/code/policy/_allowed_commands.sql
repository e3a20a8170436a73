create or replace function _allowed_commands(p_argvs jsonb[], p_command_allow jsonb)
returns boolean[]
language plpgsql
immutable
set search_path from current
set enable_nestloop = off
set jit = off
as $$
-- Whether an entry of command_allow matches, for each of these argv; null when all of them are. An entry has a glob for
-- each argument, the program first. Only * is special and stands for any characters of one argument. A last item that
-- is a list of globs matches any number of further arguments, each of which matches one of them; a last "..." is short
-- for ["*"]. An argument that begins with - is an option, and matches only a glob that begins with - itself. A
-- {{steps.…}} that is not filled yet matches * alone; the claim judges the filled value.
-- All are judged at once, with LIKE. Each argument gets a mark in front: \x02 an option, \x03\x04 a placeholder, else
-- \x03; the patterns have such marks, too, so that none reaches an option by its *. The leading globs of an entry are
-- one pattern over one line of leading arguments, with \x01 between them; only lines with a placeholder or a \x01 of
-- their own are compared again argument by argument. Of the lists each different one is compared once with each
-- different argument. The answers for an argument are a bit string, and those for all arguments from a place on the
-- AND of theirs.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  -- A command with longer arguments is forbidden whatever is allowed.
  c_most constant integer := 131072;
  v_lists jsonb[];
  v_nos integer[];
  v_places integer[];
  v_words text[];
begin
  if not exists (select from unnest(p_argvs) v where v is not null) then
    return null;
  end if;
  select array_agg(v.no), array_agg(t.place),
         array_agg(case when left(t.argument, 2) = '{{' and t.argument ~ E'^\\{\\{\\s*(steps|event)\\.[^{}]*\\}\\}$'
                          then E'\x03\x04'
                        when left(t.argument, 1) = '-' then E'\x02' else E'\x03' end || coalesce(t.argument, ''))
    into v_nos, v_places, v_words
    from unnest(p_argvs) with ordinality v (argv, no)
   cross join lateral jsonb_array_elements_text(
     case when jsonb_typeof(v.argv) = 'array' and octet_length(v.argv::text) <= c_most then v.argv else '[]' end)
     with ordinality t (argument, place);
  select array_agg(distinct l.list) into v_lists
    from jsonb_array_elements(nullif(p_command_allow, 'null')) e
   cross join lateral (select case when e -> -1 = '"..."' then '["*"]'
                                   when jsonb_typeof(e -> -1) = 'array' then e -> -1 end as list) l
   where l.list is not null;

  return (
    with entry as materialized (
      select distinct f.fixed, array_position(v_lists, m.list) as list,
             array(select _argument_pattern(g.glob) from jsonb_array_elements_text(e) with ordinality g (glob, nth)
                    where g.nth <= f.fixed order by g.nth) as patterns
        from jsonb_array_elements(nullif(p_command_allow, 'null')) e
       cross join lateral (
         select case when e -> -1 = '"..."' then '["*"]' when jsonb_typeof(e -> -1) = 'array' then e -> -1 end as list
       ) m
       cross join lateral (select jsonb_array_length(e) - (m.list is not null)::integer as fixed) f
    ), line as materialized (
      select e.*, E'\x01' || array_to_string(e.patterns, E'\x01') || E'\x01' as pattern from entry e
    ), list as materialized (
      select l.nth, array(select _argument_pattern(g) from jsonb_array_elements_text(l.globs) g) as patterns,
             l.globs ? '*' as takes_all
        from unnest(v_lists) with ordinality l (globs, nth)
    ), word as materialized (
      select w.no, w.place, w.word from unnest(v_nos, v_places, v_words) w (no, place, word)
    ), different as materialized (
      select d.word,
             (select string_agg(case when case when left(d.word, 2) = E'\x03\x04' then l.takes_all
                                               else d.word like any (l.patterns) end then '1' else '0' end,
                                '' order by l.nth)
                from list l)::varbit as fits
        from (select distinct w.word from word w where w.place > (select min(e.fixed) from entry e
                                                                   where e.list is not null)) d
    ), tail as materialized (
      select w.no, w.place, bit_and(d.fits) over (partition by w.no order by w.place desc) as fits
        from word w
        join different d on d.word = w.word
       where w.place > (select min(e.fixed) from entry e where e.list is not null)
    ), command as materialized (
      select w.no, array_agg(w.word order by w.place) as words, count(*)::integer as arity,
             bool_or(strpos(w.word, E'\x01') > 0 or left(w.word, 2) = E'\x03\x04') as is_odd
        from word w
       group by w.no
    ), head as materialized (
      select c.no, f.fixed, c.arity, c.is_odd, c.words[1 : f.fixed] as words, t.fits,
             E'\x01' || array_to_string(c.words[1 : f.fixed], E'\x01') || E'\x01' as line
        from command c
        join (select distinct e.fixed from entry e) f on f.fixed <= c.arity
        left join tail t on t.no = c.no and t.place = f.fixed + 1
    ), allowed as (
      select distinct h.no
        from head h
        join line e on e.fixed = h.fixed
       where (h.arity = h.fixed or get_bit(h.fits, e.list - 1) = 1)
         and h.line like e.pattern
         and not (h.is_odd and exists (
               select from unnest(h.words, e.patterns) x (word, pattern)
                where not (x.word like x.pattern and (left(x.word, 2) <> E'\x03\x04' or x.pattern = E'\x03%'))))
    )
    select array_agg(a.no is not null order by n.no)
      from generate_subscripts(p_argvs, 1) n (no)
      left join allowed a on a.no = n.no);
end;
$$;
