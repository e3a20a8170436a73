create or replace function _json_depth(p_value jsonb)
returns integer
language plpgsql
immutable
set search_path from current
as $$
-- How many arrays and objects the innermost value of a document lies within. By halving, not by routines that call
-- themselves: a document may be nested thousands deep.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_low integer := 0;
  v_high integer := 1;
  v_mid integer;
begin
  while _is_deeper(p_value, v_high) loop
    v_low := v_high + 1;
    v_high := v_high * 2;
  end loop;
  while v_low < v_high loop
    v_mid := (v_low + v_high) / 2;
    if _is_deeper(p_value, v_mid) then
      v_low := v_mid + 1;
    else
      v_high := v_mid;
    end if;
  end loop;
  return v_low;
end;
$$;
