create or replace function _asked_text(p_required jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- What rules ask for (_required_by), as a text for people: "2 of oncall, a reason, within 60 minutes".
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return concat_ws(
    ', ',
    coalesce((select string_agg(s.n::text || ' of ' || case s.name when '*' then 'those who may decide' else s.name end,
                                ' and ' order by s.name)
                from (select q ->> 'group' as name, sum((q ->> 'count')::integer) as n
                        from jsonb_array_elements(p_required -> 'seats') q group by 1) s),
             '1 of those who may decide'),
    case when p_required -> 'veto' <> '[]'
         then 'a veto of ' || (select string_agg(v, ' or ' order by v)
                                 from jsonb_array_elements_text(p_required -> 'veto') v) end,
    case when (p_required ->> 'reason_required')::boolean then 'a reason' end,
    'within ' || (p_required ->> 'expires_minutes') || ' minutes');
end;
$$;
