create or replace function _gate_number(p_value jsonb)
returns numeric
language plpgsql
immutable
set search_path from current
as $$
-- A number of a gate's result, exactly; null where it is none. Also a text that is one. A number that has more than 60
-- digits or reaches 10^15 is none: sums of products of such could leave the range of numeric.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_text constant text := btrim(p_value #>> '{}');
  v_number numeric;
begin
  if jsonb_typeof(p_value) in ('number', 'string') and length(v_text) <= 60
     and v_text ~ E'^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,2})?$' then
    v_number := v_text::numeric;
    if abs(v_number) < 1e15 and scale(v_number) <= 60 then
      return v_number;
    end if;
  end if;
  return null;
end;
$$;
