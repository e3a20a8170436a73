create or replace function _check_list(p_limit integer, p_status text default null, p_statuses text[] default null)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Raises for a limit or a status that a list cannot have.
-- Locks: none. Writes: nothing. Raises: OP018.
begin
  if p_limit is null or p_limit not between 1 and 1000 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_limit must be from 1 to 1000, not %s', coalesce(p_limit::text, 'null')),
      detail = jsonb_build_object('p_limit', p_limit)::text,
      hint = 'Ask for fewer rows, or read the tables themselves.';
  end if;
  if p_status is not null and p_status <> all (p_statuses) then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: there is no status %s', quote_literal(p_status)),
      detail = jsonb_build_object('p_status', p_status, 'known', p_statuses)::text,
      hint = format('Give one of: %s.', array_to_string(p_statuses, ', '));
  end if;
end;
$$;
