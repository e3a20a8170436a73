create or replace function _schedule_of(p_dedupe_key text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The schedule and the tick that an event or a proposal comes of, by its dedupe_key: {"name", "tick"}; null when it
-- comes of none. Only the loop may use these keys (_reserved_names).
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_dedupe_key like 'schedule:%' then
    jsonb_build_object('name', split_part(p_dedupe_key, ':', 2),
                       'tick', substr(p_dedupe_key, length(split_part(p_dedupe_key, ':', 2)) + 11)) end;
end;
$$;
