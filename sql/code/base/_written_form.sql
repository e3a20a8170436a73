create or replace function _written_form(p_document jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The one written form of a document: equal documents, one text. It is the text of jsonb, which fixes spaces, escapes
-- and the order of keys (by length in bytes, then by bytes; no collation), with each number in its shortest spelling:
-- no exponent, and after the point no zero at the end. docs/concepts.md recomputes it outside PostgreSQL.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_text constant text := p_document::text;
begin
  -- jsonb writes 1.0 and 1 as they came; its numeric has dropped all other variants of a number. Whole strings match
  -- first, and stay, so that a point outside of them is that of a number. Whether there is such a number is asked
  -- first, which costs a twentieth.
  return case when v_text ~ E'^(?:[^"]|"(?:[^"\\\\]|\\\\.)*")*\\.[0-9]*0(?![0-9])'
                then regexp_replace(v_text, E'("(?:[^"\\\\]|\\\\.)*")|(\\.[0-9]*[1-9])0+(?![0-9])|\\.0+(?![0-9])',
                                    E'\\1\\2', 'g')
              else v_text end;
end;
$$;
