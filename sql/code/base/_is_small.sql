create or replace function _is_small(p_document jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a document is surely within all limits of size and depth, as most are: it has at most 1,024 bytes, and no
-- more than ten brackets. No limit can be set below that (_size_limits_schema). It is asked first, as it costs less
-- than to read the limits.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_text constant text := p_document::text;
begin
  return coalesce(octet_length(v_text) <= 1024 and length(v_text) - length(translate(v_text, '[{', '')) <= 10, true);
end;
$$;
