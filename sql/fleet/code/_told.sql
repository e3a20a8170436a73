create or replace function _told(p_told jsonb, p_not_told jsonb)
returns jsonb
language plpgsql
set search_path from current
as $$
-- What a pause, a resume or the kill switch did on all nodes, under the keys of one loop: numbers are added up (of
-- epochs it is the highest), transactions that could still commit are listed with their node; and which nodes could not
-- be told, and why.
-- Locks: none. Writes: nothing. Raises: OP029 as a warning when a node could not be told.
declare
  v_result jsonb;
begin
  select jsonb_object_agg(k.key, case k.type
           when 'number' then to_jsonb(case when k.key = 'epoch' then k.highest else k.total end)
           when 'boolean' then to_jsonb(k.any_true)
           when 'array' then (select coalesce(jsonb_agg(i || jsonb_build_object('node', t -> 'node')), '[]')
                                from jsonb_array_elements(p_told) t, jsonb_array_elements(t -> k.key) i)
           else k.first end)
    into v_result
    from (select e.key, min(e.type) as type, sum(e.number) as total, max(e.number) as highest,
                 bool_or(e.value = 'true') as any_true, (array_agg(e.value))[1] as first
            from (select j.key, j.value, jsonb_typeof(j.value) as type,
                         case when jsonb_typeof(j.value) = 'number' then j.value::text::numeric end as number
                    from jsonb_array_elements(p_told) n, jsonb_each(n) j
                   where j.key <> 'node') e
           group by e.key) k;
  if p_not_told <> '[]' then
    raise warning using errcode = 'OP029',
      message = format('OPS_029: not told: node %s',
                       (select string_agg(n ->> 'node', ', ') from jsonb_array_elements(p_not_told) n)),
      detail = p_not_told::text,
      hint = 'It is written down: opsloop fleet sync tells each when it answers. One whose server was down hands out '
             'no work before.';
  end if;
  return coalesce(v_result, '{"changed": true}') || jsonb_build_object('nodes', p_told, 'not_told', p_not_told);
end;
$$;
