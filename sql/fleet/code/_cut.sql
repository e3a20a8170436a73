create or replace function _cut(p_value jsonb, p_from numeric, p_to numeric)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The part from p_from to p_to (0 to 1) of the limits in proposal_caps, at any depth; max_waiting is no cap.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(jsonb_object_agg(e.key,
             case when e.key = 'max_waiting' then e.value
                  when jsonb_typeof(e.value) = 'number'
                    then to_jsonb(round(e.value::text::numeric * p_to) - round(e.value::text::numeric * p_from))
                  when jsonb_typeof(e.value) = 'object' then _cut(e.value, p_from, p_to)
                  else e.value end), '{}')
      from jsonb_each(p_value) e);
end;
$$;
