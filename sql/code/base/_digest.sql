create or replace function _digest(p_document jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- sha256, in hex, of the written form of a document: equal documents have equal digests.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return encode(sha256(convert_to(_written_form(p_document), 'UTF8')), 'hex');
end;
$$;
