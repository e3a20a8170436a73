create or replace function fn_gate_threshold(p_sd_type text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The score that directives of a type need, from the policy document gate_thresholds. A type that is not listed needs
-- its "default"; 85 where there is none.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_thresholds jsonb := _policy('gate_thresholds') - 'description';
begin
  return coalesce((select t.value from jsonb_each(v_thresholds) t
                    where lower(t.key) = lower(p_sd_type) and jsonb_typeof(t.value) = 'number'),
                  nullif(v_thresholds -> 'default', 'null'), '85');
end;
$$;
comment on function fn_gate_threshold(text) is
  'The normalised score, a number from 0 to 100, below which the gates block a directive of that type; types count '
  'without regard to case.';
