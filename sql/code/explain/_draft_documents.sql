create or replace function _draft_documents(p_given jsonb)
returns ops_policy_documents
language plpgsql
stable
set search_path from current
as $$
-- The documents in force, in the place of some of them those of p_given, {"auto_approve": {…}, …}, which are checked.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault of a document, OP018 for one that judges nothing, OP045
-- for one that is too large.
declare
  c_keys constant text[] := array['reaction_matrix', 'auto_approve', 'proposal_caps', 'worker_policy', 'agent_roles',
                                  'approval_rules'];
  v_documents ops_policy_documents := _documents_in_force();
  v_item record;
begin
  if jsonb_typeof(p_given) is distinct from 'object' or p_given - c_keys <> '{}' then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: only documents that decide on proposals can be tried',
      detail = jsonb_build_object('known', c_keys)::text,
      hint = 'Give them by key, such as {"auto_approve": {…}, "reaction_matrix": {…}}.';
  end if;
  for v_item in select e.key, e.value from jsonb_each(p_given) e loop
    perform _check_policy(v_item.key, v_item.value);
  end loop;
  v_documents.auto_approve := coalesce(p_given -> 'auto_approve', v_documents.auto_approve);
  v_documents.worker_policy := coalesce(p_given -> 'worker_policy', v_documents.worker_policy);
  v_documents.proposal_caps := coalesce(p_given -> 'proposal_caps', v_documents.proposal_caps);
  v_documents.agent_roles := coalesce(p_given -> 'agent_roles', v_documents.agent_roles);
  return v_documents;
end;
$$;
