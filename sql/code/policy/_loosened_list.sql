create or replace function _loosened_list(p_path text, p_before jsonb, p_after jsonb, p_schema jsonb, p_defs jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- _loosened of a list, or of a text that stands for a list of one; null is every value there is. Entries are told apart
-- by what the schema names as x-key, or compared as a whole; of texts, which are globs, one that another list's covers
-- is nothing new there.
-- Locks: none. Writes: nothing. Raises: nothing for sound documents.
declare
  v_is_added constant boolean := p_schema ->> 'x-loosens' = 'added';
  v_before constant jsonb := case jsonb_typeof(p_before) when 'string' then jsonb_build_array(p_before)
                                                         else p_before end;
  v_after constant jsonb := case jsonb_typeof(p_after) when 'string' then jsonb_build_array(p_after) else p_after end;
  v_key text := p_schema ->> 'x-key';
begin
  if v_before is null or v_after is null then
    return case when v_is_added = (v_after is null) then array[p_path] else '{}' end;
  end if;
  if exists (select
               from (values (v_before), (v_after)) l (list)
              cross join lateral (select count(*) as in_all, count(distinct e -> v_key) as different
                                    from jsonb_array_elements(l.list) e) n
              where n.in_all > n.different) then
    v_key := null;
  end if;
  return array(
    with entry as (
      select coalesce(b.key, a.key) as key, b.e as before, a.e as after
        from (select distinct coalesce(e ->> v_key, e #>> '{}') as key, e from jsonb_array_elements(v_before) e) b
        full join (select distinct coalesce(e ->> v_key, e #>> '{}') as key, e from jsonb_array_elements(v_after) e) a
          on a.key = b.key
    )
    select distinct f.path
      from entry n
     cross join lateral (
       select format('%s[%s]', p_path, left(n.key, 200))
        where case when v_is_added then n.before is null else n.after is null end
          and (jsonb_typeof(coalesce(n.before, n.after)) <> 'string'
               or not coalesce(_matches_any(coalesce(n.before, n.after) #>> '{}',
                                            case when v_is_added then v_before else v_after end), false))
       union all
       select unnest(_loosened(format('%s[%s]', p_path, left(n.key, 200)), n.before, n.after, p_schema -> 'items',
                               p_defs))
        where n.before <> n.after) f (path)
     order by f.path);
end;
$$;
