create or replace function _health_control(p_state jsonb)
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- For fn_check_health and fn_metrics: the pauses in force. p_state is the row of _present_state().
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_pauses text;
  v_waits constant boolean := (fn_node() -> 'waits')::boolean;
begin
  select string_agg(format('%s%s by %s', p.scope, nullif(' ' || p.target, ' '), p.paused_by), ', ' order by p.paused_at)
    into v_pauses from (select * from ops_pauses o order by o.paused_at limit 10) p;
  if v_waits then
    v_pauses := concat_ws(', ', 'this node waits for the front of its fleet', v_pauses);
  end if;
  return query
  values
    ('opsloop_paused_scopes', (p_state ->> 'paused_scopes')::numeric + v_waits::integer,
     case when (p_state ->> 'killed')::boolean then 'the kill switch is on: ' else '' end
     || coalesce(v_pauses, 'nothing is paused')),
    ('opsloop_paused_steps', (p_state ->> 'paused_steps')::numeric, null);
end;
$$;
