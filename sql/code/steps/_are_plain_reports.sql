create or replace function _are_plain_reports(p_completions jsonb)
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether these completions surely bring nothing that is too large, nested too deep, or a number that readers of JSON
-- cannot hold, as mostly: their text, made once, is within the smallest of the limits and has no 309 digits in a row.
-- If not, they are to be looked at one by one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_text constant text := p_completions::text;
  v_limits jsonb;
begin
  if octet_length(v_text) < 309 and _is_small(p_completions) then
    return true;
  end if;
  v_limits := _size_limits();
  return octet_length(v_text) <= least((v_limits ->> 'result_bytes')::integer, (v_limits ->> 'event_bytes')::integer,
                                       (v_limits ->> 'payload_bytes')::integer)
         and not _is_deeper(p_completions, (v_limits ->> 'depth')::integer + 2)
         and not _has_long_number(v_text);
end;
$$;
