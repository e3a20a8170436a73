create or replace function _check_scope(p_scope text, p_target text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The target of a pause as it is stored; refuses a scope that there is not, and a target that does not go with it.
-- Locks: none. Writes: nothing. Raises: OP018.
begin
  perform _check_text('p_target', p_target, 500);
  if p_scope is null or p_scope not in ('all', 'executor', 'agent', 'kind', 'source', 'mission', 'schedule') then
    raise exception using errcode = 'OP018', message = format('OPS_018: there is no scope %s', quote_nullable(p_scope)),
      detail = jsonb_build_object('p_scope', p_scope)::text,
      hint = 'Give all, or one of executor, agent, kind, source, mission and schedule with a target.';
  end if;
  if (p_scope = 'all') <> (coalesce(p_target, '') = '') then
    raise exception using errcode = 'OP018',
      message = case p_scope when 'all' then 'OPS_018: scope all has no target'
                             else format('OPS_018: scope %s needs a target', p_scope) end,
      detail = jsonb_build_object('p_scope', p_scope, 'p_target', p_target)::text,
      hint = 'Say which: fn_pause(''executor'', ''http''), fn_pause(''mission'', ''<id>''); all stands alone.';
  end if;
  if p_scope <> 'mission' then
    return coalesce(p_target, '');
  end if;
  if p_target !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s is not the id of a mission', quote_literal(p_target)),
      detail = jsonb_build_object('p_scope', p_scope, 'p_target', p_target)::text,
      hint = 'select * from fn_list_missions(); lists the newest.';
  end if;
  return lower(p_target);
end;
$$;
