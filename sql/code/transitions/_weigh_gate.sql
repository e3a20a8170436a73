create or replace function _weigh_gate(p_gate text, p_result jsonb, p_skip jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- A gate's result, normalised, with weight (1), required (true), tier (1) and _skipped as they are counted; each of
-- them that cannot be so is an error like those of the result. A gate is skipped by policy (p_skip), or because its
-- result says so and why.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_result jsonb := fn_normalize_gate_result(p_gate, p_result);
  v_given jsonb := case jsonb_typeof(p_result) when 'object' then p_result else '{}' end;
  v_errors text[] := '{}';
  v_weight numeric := _gate_number(v_given -> 'weight');
  v_tier numeric := _gate_number(v_given -> 'tier');
  v_reason text := p_skip ->> 'reason';
begin
  if v_given ? 'weight' and (v_weight > 0 and jsonb_typeof(v_given -> 'weight') = 'number') is not true then
    v_errors := v_errors || format('weight: must be a number above 0, not %s; taken as 1',
                                   left((v_given -> 'weight')::text, 80));
    v_weight := 1;
  end if;
  if v_given ? 'tier' and (v_tier >= 1 and v_tier = trunc(v_tier)) is not true then
    v_errors := v_errors || format('tier: must be a whole number from 1, not %s; taken as 1',
                                   left((v_given -> 'tier')::text, 80));
    v_tier := 1;
  end if;
  if v_given ? 'required' and jsonb_typeof(v_given -> 'required') <> 'boolean' then
    v_errors := v_errors || format('required: must be true or false, not %s; taken as true',
                                   left((v_given -> 'required')::text, 80));
    v_given := v_given - 'required';
  end if;
  if v_reason is null and v_given -> '_skipped' = 'true' then
    v_reason := coalesce(nullif(v_given ->> 'reason', ''), nullif(v_given ->> 'skipReason', ''));
    if v_reason is null then
      v_errors := v_errors || '_skipped: needs a reason; taken as not skipped'::text;
    end if;
  end if;
  return v_result || jsonb_build_object(
    'weight', coalesce(v_weight, 1), 'tier', coalesce(v_tier, 1),
    'required', coalesce((v_given -> 'required')::boolean, true), '_skipped', v_reason is not null, 'reason', v_reason,
    '_validation', jsonb_build_object(
      'errors', v_result #> '{_validation,errors}' || to_jsonb(v_errors),
      'warnings', v_result #> '{_validation,warnings}',
      'fixed', (v_result #>> '{_validation,fixed}')::integer + cardinality(v_errors)));
end;
$$;
