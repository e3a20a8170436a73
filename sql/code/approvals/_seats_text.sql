create or replace function _seats_text(p_state jsonb, p_proposers text[])
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The seats of an approval (_approval_state) as a sentence for people: "1 of 2: one more of oncall, not bob, who
-- proposed it". Null where one decision is enough.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_of constant integer := (p_state ->> 'of')::integer;
  v_open constant integer := (p_state ->> 'open')::integer;
  v_wanted text;
begin
  if p_state is null then
    return null;
  end if;
  if v_open = 0 then
    return format('%s of %s: every seat is filled', v_of, v_of);
  end if;
  select string_agg(format('%s%s of %s', case n.n when 1 then 'one' else n.n::text end,
                           case when v_open < v_of then ' more' else '' end, n.names), ' and ' order by n.names)
    into v_wanted
    from (select g.names, count(*) as n
            from jsonb_array_elements(
                   case when (select count(*) from jsonb_array_elements(p_state -> 'in_force') s
                               where s ->> 'login' is null) = v_open
                        then p_state -> 'in_force' else p_state -> 'proposed' end) s
           cross join lateral (
             select case when s -> 'groups' ? '*' then 'those who may decide'
                         else (select string_agg(t, ' or ') from jsonb_array_elements_text(s -> 'groups') t) end
                      as names) g
           where s ->> 'login' is null
           group by g.names) n;
  return format('%s of %s: %s', v_of - v_open, v_of, v_wanted)
         || coalesce(', not ' || nullif(array_to_string(p_proposers, ', '), '') || ', who proposed it', '');
end;
$$;
