create or replace function _explain_pauses(p_step_id uuid, p_params jsonb, p_worker_policy jsonb)
returns table (scope text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Every pause that keeps a step from starting, in words, with the statement that lifts it. p_params: what it would run
-- with, placeholders filled. A preset is a command, and paused with it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select p.scope, format('%s by %s (login %s) since %s%s',
                case when p.kill then 'stopped by the kill switch' else concat_ws(' ', p.scope, nullif(p.target, ''), 'is paused') end,
                p.paused_by, p.paused_login, date_trunc('second', p.paused_at), ': ' || p.reason),
         format('select %I.fn_resume(%L, %L);', current_schema(), p.scope, nullif(p.target, ''))
    from ops_mission_steps s
    left join ops_missions m on m.id = s.mission_id
    left join ops_mission_proposals r on r.id = m.proposal_id
    join ops_pauses p
      on p.scope = 'all'
      or (p.scope, p.target) in (
        ('executor', s.executor),
        ('executor', case when coalesce(p_worker_policy -> 'presets' ? s.executor, false) then 'command' end),
        ('kind', s.kind), ('mission', s.mission_id::text), ('source', r.source),
        ('agent', p_params ->> 'role'), ('agent', substring(r.source from '^agent:(.+)$')))
   where s.id = p_step_id
   order by p.paused_at, p.scope, p.target;
end;
$$;
