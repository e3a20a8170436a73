create or replace function _diff_values(p_path text, p_before jsonb, p_after jsonb)
returns table (path text, before jsonb, after jsonb)
language plpgsql
immutable
set search_path from current
as $$
-- The paths at which two JSON values differ, with what stands there; null where nothing does. Objects are compared
-- field by field. Lists of objects are compared by name where each entry has a name of its own in both, else by place;
-- the order of named entries is a difference of its own. Any other list is one value.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_before jsonb;
  v_after jsonb;
  v_is_named boolean;
begin
  -- As text: 1 and 1.0 are equal as jsonb.
  if p_before::text is not distinct from p_after::text then
    return;
  end if;
  if jsonb_typeof(p_before) = 'object' and jsonb_typeof(p_after) = 'object' then
    return query
    select d.path, d.before, d.after
      from (select k from jsonb_object_keys(p_before) k union select k from jsonb_object_keys(p_after) k) f (name)
     cross join lateral _diff_values(concat_ws('.', nullif(p_path, ''), f.name), p_before -> f.name,
                                     p_after -> f.name) d
     order by f.name, d.path;
    return;
  end if;
  if jsonb_typeof(p_before) is distinct from 'array' or jsonb_typeof(p_after) is distinct from 'array'
     or exists (select from (select e from jsonb_array_elements(p_before) e
                              union all select e from jsonb_array_elements(p_after) e) a
                 where jsonb_typeof(a.e) <> 'object') then
    return query select p_path, p_before, p_after;
    return;
  end if;

  select bool_and(l.is_named) into v_is_named
    from (values (p_before), (p_after)) v (list)
   cross join lateral (
     select count(distinct e -> 'name') filter (where jsonb_typeof(e -> 'name') = 'string') = count(*)
       from jsonb_array_elements(v.list) e) l (is_named);
  return query
  with entry as (
    select coalesce(b.name, a.name) as name, b.e as before, a.e as after, coalesce(a.no, b.no) as no
      from (select case when v_is_named then e ->> 'name' else (o - 1)::text end as name, e, o as no
              from jsonb_array_elements(p_before) with ordinality l (e, o)) b
      full join (select case when v_is_named then e ->> 'name' else (o - 1)::text end as name, e, o as no
                   from jsonb_array_elements(p_after) with ordinality l (e, o)) a on a.name = b.name
  )
  select d.path, d.before, d.after
    from entry n
   cross join lateral _diff_values(format('%s[%s]', p_path, n.name), n.before, n.after) d
   order by n.no, n.name, d.path;
  if v_is_named then
    select jsonb_agg(e -> 'name' order by o) into v_before
      from jsonb_array_elements(p_before) with ordinality l (e, o)
     where e -> 'name' in (select a -> 'name' from jsonb_array_elements(p_after) a);
    select jsonb_agg(e -> 'name' order by o) into v_after
      from jsonb_array_elements(p_after) with ordinality l (e, o)
     where e -> 'name' in (select b -> 'name' from jsonb_array_elements(p_before) b);
    if v_before <> v_after then
      return query select p_path || ' (order)', v_before, v_after;
    end if;
  end if;
end;
$$;
