create or replace function _span_id(p_what text, p_id text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The id of the span of an event, a proposal, a mission, a step, or an attempt at one (the step's id, colon, number):
-- it follows from the row, so that nothing has to carry it. opsloop.metrics.traces.span_of computes the same.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left(encode(sha256(convert_to(p_what || ':' || p_id, 'UTF8')), 'hex'), 16);
end;
$$;
