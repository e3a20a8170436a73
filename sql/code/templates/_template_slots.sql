create or replace function _template_slots(p_template jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The slots of a document: the paths of its placeholders, fixed before any data is filled in:
-- [{"path": ["steps", "0", "params", "args", "1"], "segments": [{"lit": "for "}, {"ref": "event.data.x"}]}].
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if strpos(p_template::text, '{{') = 0 then
    return '[]'::jsonb;
  end if;
  return coalesce(
    (select jsonb_agg(jsonb_build_object('path', p.path, 'segments', s.segments) order by p.path)
       from _placeholders(p_template) p
      cross join lateral (
        select jsonb_agg(g.segment order by g.no, g.part) as segments
          from (select l.no, 1 as part, jsonb_build_object('lit', l.lit) as segment
                  from unnest(p.lits) with ordinality l (lit, no)
                 where l.lit <> ''
                union all
                select r.no, 2, jsonb_build_object('ref', r.ref)
                  from unnest(p.refs) with ordinality r (ref, no)) g
      ) s
      where not p.in_name and cardinality(p.refs) > 0),
    '[]');
end;
$$;
