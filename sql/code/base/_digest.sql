create or replace function _digest(p_document jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- sha256 of a document, in hex. jsonb has one text form, so equal documents have equal digests.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return encode(sha256(convert_to(p_document::text, 'UTF8')), 'hex');
end;
$$;
