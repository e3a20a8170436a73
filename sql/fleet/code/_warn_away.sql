create or replace function _warn_away(p_away integer[], p_asked integer, p_said text default null)
returns void
language plpgsql
set search_path from current
as $$
-- Says which nodes an answer lacks; p_said: what the connection to the last of them said.
-- Locks: none. Writes: nothing. Raises: OP029 when none answered; else as a warning.
begin
  if cardinality(p_away) = p_asked then
    raise exception using errcode = 'OP029', message = 'OPS_029: no node answers',
      detail = jsonb_build_object('nodes', p_away, 'said', p_said)::text,
      hint = 'opsloop fleet status shows the nodes.';
  end if;
  raise warning using errcode = 'OP029',
    message = format('OPS_029: without node %s, which does not answer', array_to_string(p_away, ', ')),
    detail = jsonb_build_object('nodes', p_away, 'said', p_said)::text, hint = 'opsloop fleet status shows the nodes.';
end;
$$;
