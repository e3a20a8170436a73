create or replace function _recovery_action(p_state text, p_step text, p_constraint text, p_hint text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The remedy for a transition that failed, by its SQLSTATE.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case
    when p_state like 'OP%' then p_hint
    when p_state = '57014' then
      'It was cancelled, or ran into a timeout, and changed nothing: run it again, with the same request id.'
    when p_state in ('40001', '40P01', '55P03') then
      'Another session was in the way, and nothing was changed: run it again, with the same request id.'
    when p_state like '53%' or p_state like '57%' or p_state like '08%' then
      'The server could not do it now, and nothing was changed: run it again when it is well.'
    when p_state like '23%' then
      format('Fix what violates %s, then run it again, with the same request id.',
             coalesce('constraint ' || nullif(p_constraint, ''), 'the constraint'))
    else format('Fix what failed in step %s, then run it again, with the same request id.', quote_literal(p_step)) end;
end;
$$;
