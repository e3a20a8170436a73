create or replace function _check_text(p_name text, p_text text, p_most integer)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Refuses a text of more than p_most characters; null is no text. Texts that have an index are bounded to 500, as an
-- entry of an index may have 2,704 bytes.
-- Locks: none. Writes: nothing. Raises: OP018.
begin
  if length(p_text) > p_most then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s has %s characters; %s are the most', p_name, length(p_text), p_most),
      detail = jsonb_build_object('argument', p_name, 'characters', length(p_text), 'limit', p_most)::text,
      hint = 'Nothing was changed. Shorten it, or store it elsewhere and give a reference to it.';
  end if;
end;
$$;
