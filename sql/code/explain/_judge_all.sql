create or replace function _judge_all(
  p_templates jsonb[],
  p_documents ops_policy_documents,
  out codes text[],
  out forbidden text[],
  out reasons text[],
  out findings jsonb[],
  out risks smallint[]
)
language plpgsql
stable
set search_path from current
as $$
-- The verdict of these documents on any number of sound templates, a few hundred at a time.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_batch constant integer := 500;
  v_judged record;
begin
  codes := '{}';
  forbidden := '{}';
  reasons := '{}';
  findings := '{}';
  risks := '{}';
  for v_from in 1 .. cardinality(p_templates) by c_batch loop
    v_judged := _judge_templates(p_templates[v_from:v_from + c_batch - 1], p_documents);
    codes := codes || v_judged.codes;
    forbidden := forbidden || v_judged.forbidden;
    reasons := reasons || v_judged.reasons;
    findings := findings || v_judged.findings;
    risks := risks || v_judged.risks;
  end loop;
end;
$$;
