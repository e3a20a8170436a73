create or replace function _narrowed_policies(p_executors text[], p_params jsonb[], p_worker_policy jsonb)
returns jsonb[]
language plpgsql
immutable
set search_path from current
as $$
-- For each of these steps, by executor and params, the worker policy as far as _judge_step needs it: of command_allow
-- only the entries that may allow this command. All commands are held against all entries at once, each entry as one
-- LIKE pattern over the whole argv. It may leave an entry too many, such as one whose * would have to reach into the
-- next argument, never one too few. Null where the whole policy is needed: for what is no command, and for argv that
-- are malformed or too large; null for all where no step is a command.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  c_most constant integer := 131072;
  v_rest constant jsonb := jsonb_build_object('command_env', p_worker_policy -> 'command_env',
                                              'command_cwd', p_worker_policy -> 'command_cwd');
begin
  if not 'command' = any (p_executors) or p_worker_policy -> 'presets' ? 'command' then
    return array_fill(null::jsonb, array[coalesce(cardinality(p_executors), 0)]);
  end if;
  return (
    with entry as materialized (
      select e.no, e.entry, f.fixed,
             -- What an item without end stands for: any of these patterns.
             case when e.entry -> -1 = '"..."' then array['%']
                  when jsonb_typeof(e.entry -> -1) = 'array'
                    then array(select _like_pattern(g) from jsonb_array_elements_text(e.entry -> -1) g) end as more,
             (select E'\x01' || coalesce(string_agg(_like_pattern(g.glob) || E'\x01', '' order by g.nth), '')
                from jsonb_array_elements_text(e.entry) with ordinality g (glob, nth)
               where g.nth <= f.fixed) || case when f.fixed < jsonb_array_length(e.entry) then '%' else '' end as line
        from jsonb_array_elements(nullif(p_worker_policy -> 'command_allow', 'null')) with ordinality e (entry, no)
       cross join lateral (
         select jsonb_array_length(e.entry)
                - (e.entry -> -1 = '"..."' or jsonb_typeof(e.entry -> -1) = 'array')::integer as fixed) f
    ), command as materialized (
      select c.no, a.arguments, cardinality(a.arguments) as arity,
             E'\x01' || array_to_string(a.arguments, E'\x01') || E'\x01' as line
        from (select t.params -> 'argv' as argv, t.no
                from unnest(p_executors, p_params) with ordinality t (executor, params, no)
               where t.executor = 'command' and jsonb_typeof(t.params -> 'argv') = 'array') c
       cross join lateral (select array(select t from jsonb_array_elements_text(c.argv) t) as arguments) a
       where octet_length(c.argv::text) <= c_most
    )
    select array_agg(case when c.no is not null
                          then v_rest || jsonb_build_object('command_allow', coalesce(m.entries, '[]')) end
                     order by n.no)
      from generate_subscripts(p_executors, 1) n (no)
      left join command c on c.no = n.no
      left join lateral (
        select jsonb_agg(e.entry order by e.no) as entries
          from entry e
         where (c.arity = e.fixed or (c.arity > e.fixed and e.more is not null))
           and c.line like e.line
           and not exists (select from unnest(c.arguments[e.fixed + 1:]) a (argument)
                            where not a.argument like any (e.more))) m on true);
end;
$$;
