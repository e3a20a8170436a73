create or replace function _sub_agent_finding(p_result jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The finding of a sub-agent, read from the result of its step: {"verdict", "confidence", "finding"}. The finding is
-- the object with "verdict": the result itself, its JSON answer (http, agent), its first row (sql) or what it printed
-- (command). verdict is null where it cannot be read, so is confidence.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_finding jsonb := case when p_result ? 'verdict' then p_result
                          when jsonb_typeof(p_result -> 'json') = 'object' then p_result -> 'json'
                          when jsonb_typeof(p_result #> '{rows,0}') = 'object' then p_result #> '{rows,0}' end;
  v_verdict text;
  v_confidence numeric;
begin
  if v_finding is null and jsonb_typeof(p_result -> 'stdout') = 'string' then
    begin
      v_finding := (p_result ->> 'stdout')::jsonb;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
    end;
  end if;
  if jsonb_typeof(v_finding -> 'verdict') = 'string' then
    v_verdict := upper(btrim(v_finding ->> 'verdict'));
  end if;
  v_confidence := _gate_number(v_finding -> 'confidence');
  return jsonb_build_object(
    'verdict', case when v_verdict in ('PASS', 'WARNING', 'FAIL', 'BLOCKED') then v_verdict end,
    'confidence', case when v_confidence between 0 and 100 then v_confidence end,
    'finding', case when jsonb_typeof(v_finding) = 'object' then v_finding - array['verdict', 'confidence'] end);
end;
$$;
