create or replace function _template_steps(p_template jsonb)
returns table (pos integer, key text, kind text, executor text, params jsonb, depends_on text[],
               max_retries integer, timeout_seconds integer, on_failure text, on_lease_lost text)
language plpgsql
immutable
set search_path from current
as $$
-- The steps of a sound template with the defaults filled in: key step_1…, executor as kind, after the step before it.
-- Null where the template leaves a setting to policy.
-- Locks: none. Writes: nothing. Raises: nothing for a sound template.
begin
  return query
  select s.pos::integer, s.key, s.step ->> 'kind', coalesce(s.step ->> 'executor', s.step ->> 'kind'),
         coalesce(nullif(s.step -> 'params', 'null'), '{}'),
         case when jsonb_typeof(s.step -> 'depends_on') = 'array'
                then array(select jsonb_array_elements_text(s.step -> 'depends_on'))
              when s.pos = 1 then '{}'
              else array[lag(s.key) over (order by s.pos)] end,
         (s.step ->> 'max_retries')::integer, (s.step ->> 'timeout_seconds')::integer,
         coalesce(s.step ->> 'on_failure', 'fail'), s.step ->> 'on_lease_lost'
    from (select e.pos, e.step, coalesce(e.step ->> 'key', 'step_' || e.pos) as key
            from jsonb_array_elements(p_template -> 'steps') with ordinality e (step, pos)) s
   order by s.pos;
end;
$$;
