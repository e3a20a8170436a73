create or replace function _explain_pauses(p_step_id uuid, p_params jsonb)
returns table (scope text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Every pause that keeps a step from starting, in words, with the statement that lifts it, the oldest first. p_params:
-- its params, placeholders filled; null for those that are stored.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select p.scope,
         format('%s by %s (login %s) since %s%s',
                case when p.kill then 'stopped by the kill switch'
                     when p.scope = 'move' then 'stopped by a move'
                     else concat_ws(' ', p.scope, nullif(p.target, ''), 'is paused') end,
                p.paused_by, p.paused_login, date_trunc('second', p.paused_at), ': ' || p.reason),
         case p.scope
           when 'move' then format('select %I.fn_take_back_move();', current_schema())
           else format('select %I.fn_resume(%L, %L);', current_schema(), p.scope, nullif(p.target, '')) end
    from _covering_pauses(array[p_step_id],
                          case when p_params is null then '{}' else jsonb_build_object(p_step_id, p_params) end)
         with ordinality c (step_id, scope, target, parks, nth)
    join ops_pauses p on p.scope = c.scope and p.target = c.target
   order by c.nth;
  if (fn_node() -> 'waits')::boolean then
    return query values (
      'all', 'this node hands out nothing until the front of its fleet has told it what is paused', null);
  end if;
end;
$$;
