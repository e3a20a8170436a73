create or replace function _would_run(p_steps ops_template_step[], p_slots jsonb[], p_worker_policy jsonb)
returns jsonb[]
language plpgsql
immutable
set search_path from current
set enable_nestloop = off
as $$
-- The steps of sound templates as a person has to judge them, a document for each template: one object for each step,
-- in order, with key, kind, executor, after (the steps it waits for), and run_with and params as they would reach the
-- executor, presets expanded. unknown: the fields that results of earlier steps will fill, each with its placeholders.
-- fault: why the step cannot run as it is. p_slots: by template.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select array_agg(t.steps order by t.no)
      from (
        select s.no,
               -- jsonb_agg takes each document apart, which of large params costs forty times as much.
               jsonb_build_array(variadic array_agg(
                 jsonb_build_object(
                   'key', s.key, 'kind', s.kind, 'executor', s.executor, 'run_with', x.run_with, 'params', x.params,
                   'after', coalesce(a.keys, '[]'))
                 || case when u.unknown is null then '{}' else jsonb_build_object('unknown', u.unknown) end
                 || case when x.fault is null then '{}' else jsonb_build_object('fault', x.fault) end
                 order by s.pos)) as steps
          from unnest(p_steps) s
         cross join lateral _expand_preset(s.executor, s.params, p_worker_policy) x
          -- All in one query: one for each step would take minutes for a template with many steps and slots.
          left join (
            select w.no, w.pos, jsonb_agg(k.key order by k.pos) as keys
              from unnest(p_steps) w
             cross join lateral unnest(w.needs) n (pos)
              join unnest(p_steps) k on k.no = w.no and k.pos = n.pos
             group by w.no, w.pos) a on a.no = s.no and a.pos = s.pos
          left join (
            select t.no, (l #>> '{path,1}')::integer + 1 as pos,
                   jsonb_object_agg(_path_text((array(select jsonb_array_elements_text(l -> 'path')))[3:]), w.written)
                     as unknown
              from unnest(p_slots) with ordinality t (slots, no)
             cross join lateral jsonb_array_elements(t.slots) l
             cross join lateral (
               select string_agg(coalesce(g.segment ->> 'lit', format('{{%s}}', g.segment ->> 'ref')), '' order by g.no)
                        as written
                 from jsonb_array_elements(l -> 'segments') with ordinality g (segment, no)) w
             where l #>> '{path,0}' = 'steps' and l #>> '{path,2}' = 'params'
             group by 1, 2) u on u.no = s.no and u.pos = s.pos
         group by s.no) t);
end;
$$;
